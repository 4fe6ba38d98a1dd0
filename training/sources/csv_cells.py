"""Cells of a CSV file as numbers. What can't be one is named by file, row and column."""

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
    converted = convert(cells, text, pa.float64(), "isn't a number", _NUMBER_HINT)
    values: Float64Array = converted.to_numpy(zero_copy_only=False)
    return values


def convert(cells: Cells, text: pa.Array, wanted: pa.DataType, what: str, hint: str) -> pa.Array:
    """The cells, of which `text` is a cleaner spelling, as another type.

    Raises:
        RecordingError: one can't be; says `what` of the first, and the hint.
    """

    def cast(part: pa.Array) -> pa.Array:
        return part.cast(wanted)

    try:
        return cast(text)
    except pa.ArrowInvalid as error:
        raise cells.fault(first_bad(text, cast), what, hint) from error


def first_bad(array: pa.Array, convert: Callable[[pa.Array], pa.Array]) -> int:
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
