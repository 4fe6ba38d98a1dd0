"""Cells of a CSV file as times, in the ways in which loggers, spreadsheets and measuring programs write them."""

import zoneinfo
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from edge_runtime.errors import RecordingError
from edge_runtime.reading import Int64Array
from training.sources.csv_cells import Cells, convert, first_bad

_TIME_HINT = (
    "Write times as 2026-01-31T13:45:00.250+01:00, as 31.01.2026 13:45:00 with --dates day-first, or as seconds or "
    "milliseconds since 1970 in UTC."
)
_ZONE_HINT = (
    "Say which zone the clock was in: `hydrosight-train import SOURCE --timezone Europe/Berlin --output FOLDER` "
    "(or --timezone UTC)."
)
_CLOCK = (
    r"(?:[ T,]+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<seconds>\d\d(?:\.\d+)?))?(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?)?$"
)
_YEAR_LAST = r"^(?P<one>\d{1,2})[./-](?P<two>\d{1,2})[./-](?P<year>\d{4})" + _CLOCK
_YEAR_FIRST = r"^(?P<year>\d{4})[./](?P<one>\d{1,2})[./](?P<two>\d{1,2})" + _CLOCK


class DateOrder(StrEnum):
    """Which of the two short numbers of a date is the day. The numbers themselves often don't tell."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


@dataclass(frozen=True, slots=True)
class LocalTimes:
    """What times mean that don't say so themselves.

    Attributes:
        timezone: IANA name of the zone of times that name none.
        dates: order of dates with the year last.
    """

    timezone: str | None = None
    dates: DateOrder | None = None


UNKNOWN = LocalTimes()


def times_us(cells: Cells, local: LocalTimes) -> Int64Array:
    """The cells as microseconds since 1970 in UTC, int64 [n].

    Args:
        cells: ISO 8601, a date with points or slashes and a time of 24 or 12 hours, or a number of seconds,
            milliseconds, microseconds or nanoseconds since 1970, as its size says. The first tells which.
        local: what times mean that name no zone, and dates with the year last.

    Raises:
        RecordingError: a cell is no time, or one whose zone or order of day and month isn't known, or one that the
            zone's clocks showed twice or never.
    """
    text = pc.utf8_trim_whitespace(cells.text)
    if not len(text):
        return np.empty(0, np.int64)
    text = pc.replace_substring_regex(text, r"^(-?\d+|.*:\d\d),(\d+)", r"\1.\2")
    if _matches(text[0], r"^-?\d+(\.\d+)?$"):
        return _since_1970(cells, text)
    if _matches(text[0], r"(Z|z|[+-]\d\d:?\d\d)$"):
        stamps = convert(cells, text, pa.timestamp("ns", "UTC"), "isn't a time with a zone", _TIME_HINT)
        return _whole_us(stamps)
    if _matches(text[0], _YEAR_LAST):
        text = _year_last(cells, text, local.dates)
    elif _matches(text[0], _YEAR_FIRST):
        text = _iso(text, _YEAR_FIRST, "one", "two")
    what = "isn't a time" if local.dates is None else f"isn't a time, {local.dates} as --dates says"
    stamps = convert(cells, text, pa.timestamp("ns"), what, _TIME_HINT)
    if local.timezone is None:
        raise cells.fault(0, "the time names no zone", _ZONE_HINT)
    return _whole_us(_in_zone(cells, stamps, local.timezone))


def _matches(cell: pa.Scalar, pattern: str) -> bool:
    return bool(pc.match_substring_regex(cell, pattern).as_py())


def _year_last(cells: Cells, text: pa.Array, order: DateOrder | None) -> pa.Array:
    """Dates with the year last as ISO 8601 has them; what isn't one stays as it is."""
    if order is None:
        raise cells.fault(0, *_which_order(text))
    day_first = order is DateOrder.DAY_FIRST
    return _iso(text, _YEAR_LAST, *(("two", "one") if day_first else ("one", "two")))


def _which_order(text: pa.Array) -> tuple[str, str]:
    """What is wrong about dates of an order that nobody named, and what to do about it."""
    parts = pc.extract_regex(text, _YEAR_LAST)
    days = {"two": DateOrder.MONTH_FIRST, "one": DateOrder.DAY_FIRST}  # by the number that is beyond 12 in some row
    fitting = [days[name] for name in days if (pc.max(pc.struct_field(parts, name).cast(pa.int8())).as_py() or 0) > 12]
    what, order, other = "the order of day and month isn't known", DateOrder.DAY_FIRST, " (or --dates month-first)"
    if len(fitting) == 1:
        what, order, other = f"{what}; by other rows it is {fitting[0]}", fitting[0], ""
    return what, f"Say it: `hydrosight-train import SOURCE --dates {order} --output FOLDER`{other}."


def _iso(text: pa.Array, pattern: str, month: str, day: str) -> pa.Array:
    """Times of this pattern as ISO 8601, others as they are; `month` and `day` are names of the pattern's groups."""
    parts = pc.extract_regex(text, pattern)
    part = {name: pc.struct_field(parts, name) for name in ("year", "one", "two", "hour", "minute", "seconds", "half")}
    hour = _or_zero(part["hour"])
    half = pc.utf8_lower(part["half"])
    if pc.any(pc.not_equal(half, "")).as_py():
        # 12 AM is 0 o'clock, 12 PM is noon; what is beyond 12 stays, and is no time.
        number = hour.cast(pa.int8())
        shifted = pc.add(pc.if_else(pc.equal(number, 12), 0, number), pc.if_else(pc.equal(half, "p"), 12, 0))
        hour = pc.if_else(pc.equal(half, ""), hour, shifted.cast(pa.string()))
    date = pc.binary_join_element_wise(part["year"], _two(part[month]), _two(part[day]), "-")
    clock = pc.binary_join_element_wise(_two(hour), _or_zero(part["minute"]), _or_zero(part["seconds"]), ":")
    return pc.coalesce(pc.binary_join_element_wise(date, clock, "T"), text)


def _or_zero(part: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(part, ""), "00", part)


def _two(part: pa.Array) -> pa.Array:
    return pc.utf8_lpad(part, 2, "0")


def _in_zone(cells: Cells, local: pa.Array, timezone: str) -> pa.Array:
    try:
        zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise RecordingError(
            f"there is no time zone {timezone!r}", hint="Name one as in Europe/Berlin, America/Chicago or UTC."
        ) from error

    def assume(part: pa.Array) -> pa.Array:
        return pc.assume_timezone(part, timezone, ambiguous="raise", nonexistent="raise")

    try:
        return assume(local)
    except pa.ArrowInvalid as error:
        what = f"clocks in {timezone} showed this time twice or never, when they were set"
        raise cells.fault(
            first_bad(local, assume), what, "Record in UTC, or leave out the hour in which clocks are set."
        ) from error


def _since_1970(cells: Cells, text: pa.Array) -> Int64Array:
    counts = convert(cells, text, pa.float64(), "isn't a time, others in this column are numbers", _TIME_HINT)
    first = abs(counts[0].as_py())
    # Any time after 1973 has more digits in the next finer unit.
    unit_us = next(unit for limit, unit in ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (np.inf, 1e-3)) if first < limit)
    if unit_us in {1e6, 1e-3} or pc.any(pc.match_substring(text, ".")).as_py():
        times: Int64Array = np.round(counts.to_numpy() * unit_us).astype(np.int64)
        return times
    whole: Int64Array = text.cast(pa.int64()).to_numpy() * int(unit_us)
    return whole


def _whole_us(stamps: pa.Array) -> Int64Array:
    whole: Int64Array = stamps.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64()).to_numpy()
    return whole
