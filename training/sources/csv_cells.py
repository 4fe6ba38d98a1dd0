"""Cells of a CSV file as times and numbers. What can't be one is named by file, row and column."""

import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from edge_runtime.errors import RecordingError
from edge_runtime.reading import Float64Array, Int64Array

NOT_MEASURED = ("NaN", "NAN", "nan", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "none", "-", "--", "---", "?")
"""Words that stand for a value that couldn't be measured: a gap. An empty cell says nothing at all."""

_TIME_HINT = "Write times as 2026-01-31T13:45:00.250+01:00, or as seconds or milliseconds since 1970 in UTC."
_ZONE_HINT = (
    "Say which zone the clock was in: `hydrosight-train import SOURCE --timezone Europe/Berlin --output FOLDER` "
    "(or --timezone UTC)."
)
_NUMBER_HINT = (
    "A cell holds one number, nothing if there is no reading, or NaN if there is none to be had. A column that is no "
    "sensor's has to go; the one that names the machine is equipment_id."
)


@dataclass(frozen=True, slots=True)
class Cells:
    """A run of cells of one column.

    Attributes:
        path: file.
        column: its name there.
        rows: int64 [n], in which row of the file each is; the names of the columns are row 1.
        text: the cells.
    """

    path: Path
    column: str
    rows: Int64Array
    text: pa.Array

    def fault(self, index: int, what: str, hint: str) -> RecordingError:
        """The error that the cell of this index is."""
        cell = self.text[index].as_py()
        return RecordingError(f"{self.path}: row {self.rows[index]}: {self.column} is {cell!r}: {what}", hint=hint)


def present(cells: Cells) -> npt.NDArray[np.bool_]:
    """Which cells aren't empty, bool [n]."""
    found: npt.NDArray[np.bool_] = pc.not_equal(pc.utf8_trim_whitespace(cells.text), "").to_numpy(zero_copy_only=False)
    return found


def numbers(cells: Cells, *, decimal_comma: bool) -> Float64Array:
    """The cells as numbers, float64 [n]; NaN where a cell is empty or says that nothing was measured.

    Raises:
        RecordingError: a cell is neither.
    """
    text = pc.utf8_trim_whitespace(cells.text)
    missing = pc.is_in(text, pa.array(["", *NOT_MEASURED]))
    text = pc.if_else(missing, pa.scalar("nan"), text)
    if decimal_comma:
        points = pc.match_substring(text, ".").to_numpy(zero_copy_only=False)
        if points.any():
            what = "other numbers of this file have a decimal comma, so this may be thousands"
            raise cells.fault(int(points.argmax()), what, "Write all numbers of a file the same way.")
        text = pc.replace_substring(text, ",", ".")
    converted = _convert(cells, text, pa.float64(), "isn't a number", _NUMBER_HINT)
    values: Float64Array = converted.to_numpy(zero_copy_only=False)
    return values


def times_us(cells: Cells, timezone: str | None) -> Int64Array:
    """The cells as microseconds since 1970 in UTC, int64 [n].

    Args:
        cells: ISO 8601, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970, as its size says.
        timezone: IANA name of the zone of times that name none.

    Raises:
        RecordingError: a cell is no time, or one without a zone where `timezone` isn't given either, or one that the
            zone's clocks showed twice or never.
    """
    text = pc.utf8_trim_whitespace(cells.text)
    if not len(text):
        return np.empty(0, np.int64)
    if pc.match_substring_regex(text, r"^-?\d+(\.\d+)?$")[0].as_py():
        return _since_1970(cells, text)
    if pc.match_substring_regex(text, r"(Z|z|[+-]\d\d:?\d\d)$")[0].as_py():
        stamps = _convert(cells, text, pa.timestamp("ns", "UTC"), "isn't a time with a zone", _TIME_HINT)
    else:
        local = _convert(cells, text, pa.timestamp("ns"), "isn't a time", _TIME_HINT)
        if timezone is None:
            raise cells.fault(0, "the time names no zone", _ZONE_HINT)
        stamps = _in_zone(cells, local, timezone)
    return _whole_us(stamps)


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
            _first_bad(local, assume), what, "Record in UTC, or leave out the hour in which clocks are set."
        ) from error


def _since_1970(cells: Cells, text: pa.Array) -> Int64Array:
    counts = _convert(cells, text, pa.float64(), "isn't a time, others in this column are numbers", _TIME_HINT)
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


def _convert(cells: Cells, text: pa.Array, wanted: pa.DataType, what: str, hint: str) -> pa.Array:
    def cast(part: pa.Array) -> pa.Array:
        return part.cast(wanted)

    try:
        return cast(text)
    except pa.ArrowInvalid as error:
        raise cells.fault(_first_bad(text, cast), what, hint) from error


def _first_bad(array: pa.Array, convert: Callable[[pa.Array], pa.Array]) -> int:
    """Index of the first element that can't be converted, when one can't: by halving."""
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            convert(array.slice(low, middle - low))
        except pa.ArrowInvalid:
            high = middle
        else:
            low = middle
    return low
