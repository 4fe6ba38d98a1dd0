"""Moments as microseconds since 1970 UTC, which all computing is done with, and as datetimes, which documents hold."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utc_datetime(time_us: int) -> datetime:
    """The moment as a datetime.

    Raises:
        OverflowError: it is out of the years 1 to 9999.
    """
    return _EPOCH + time_us * _MICROSECOND


def microseconds(time: datetime) -> int:
    """The moment in microseconds since 1970 UTC.

    Raises:
        TypeError: the datetime has no zone.
    """
    return (time - _EPOCH) // _MICROSECOND
