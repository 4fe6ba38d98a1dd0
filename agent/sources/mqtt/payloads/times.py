"""Times as senders write them, as microseconds since 1970 UTC."""

import math
from datetime import datetime
from enum import StrEnum

from edge_runtime.errors import SourceError
from edge_runtime.utc import microseconds

_LATEST_US = 2**62


class TimeUnit(StrEnum):
    """How a time is written: ISO 8601 with a time zone, or a number since 1970 UTC."""

    ISO = "iso"
    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"


def time_us(time: object, unit: TimeUnit) -> int:
    """The time in microseconds since 1970 UTC.

    Raises:
        SourceError: it isn't one, or is before 1970.
    """
    result = _from_iso(time) if unit is TimeUnit.ISO else _from_number(time, unit)
    if not 0 <= result <= _LATEST_US:
        raise SourceError(f"time {_shown(time)} is before 1970 or too late to be true")
    return result


def _from_iso(time: object) -> int:
    try:
        return microseconds(datetime.fromisoformat(time))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise SourceError(
            f"time {_shown(time)} is not ISO 8601 with a time zone, such as 2015-01-01T00:00:00Z",
            hint="Where times are numbers, say so with time_unit.",
        ) from None


def _from_number(time: object, unit: TimeUnit) -> int:
    if isinstance(time, bool) or not isinstance(time, int | float) or not math.isfinite(time):
        raise SourceError(f"time {_shown(time)} is not a number in {unit}", hint="Check time_unit.")
    match unit:
        case TimeUnit.SECONDS:
            return round(time * 1_000_000)
        case TimeUnit.MILLISECONDS:
            return round(time * 1_000)
        case TimeUnit.MICROSECONDS:
            return round(time)
        case _:
            return round(time) // 1_000


def _shown(time: object) -> str:
    return repr(str(time)[:40])
