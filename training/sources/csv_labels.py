"""Labels as a CSV file: `start`, `end`, a column per condition or group, optionally `stable` and `equipment_id`."""

from pathlib import Path

import pyarrow.compute as pc

from edge_runtime.errors import RecordingError
from edge_runtime.recording import LabelRow, LabelValue
from training.sources.csv_cells import NOT_MEASURED, Cells
from training.sources.csv_dialect import find_dialect
from training.sources.csv_rows import Block, read_blocks
from training.sources.csv_times import LocalTimes, times_us

EQUIPMENT = ("equipment_id", "equipment", "machine")
"""Names of the column that says which machine a row is of."""

_COLUMNS_HINT = "A file of labels has the columns start, end and one per condition, and optionally stable."
_YES = frozenset({"true", "yes", "y", "1", "ja", "wahr"})
_NO = frozenset({"false", "no", "n", "0", "nein", "falsch"})


def read_csv_labels(path: Path, local: LocalTimes, equipment: str | None = None) -> tuple[LabelRow, ...]:
    """The label rows of a CSV file, in its order.

    Args:
        path: of the file.
        local: what times mean that don't say so themselves.
        equipment: whose rows to read, where there is a column that says.

    Raises:
        RecordingError: a column is missing, a cell can't be read, or it isn't known whose of several machines' rows to
            read.
    """
    dialect = find_dialect(path)
    missing = [name for name in ("start", "end") if name not in dialect.header]
    if missing:
        raise RecordingError(
            f"{path}: row 1: has no column {', '.join(missing)} (it has {', '.join(dialect.header)})",
            hint=_COLUMNS_HINT,
        )
    of = next((name for name in EQUIPMENT if name in dialect.header), None)
    rows: list[LabelRow] = []
    machines: dict[str, None] = {}
    for block in read_blocks(path, dialect):
        if of is not None:
            machines |= dict.fromkeys(pc.unique(pc.utf8_trim_whitespace(block.columns.column(of))).to_pylist())
        rows += _rows(block, of, equipment, local, decimal_comma=dialect.decimal_comma)
    if equipment is None and len(machines) > 1:
        raise RecordingError(
            f"{path}: holds labels of several machines: {', '.join(machines)}",
            hint="Name one of these with --equipment.",
        )
    if equipment is not None and machines and equipment not in machines:
        raise RecordingError(
            f"{path}: holds no labels of {equipment!r}, whose signals are read; it has {', '.join(machines)}",
            hint="Name the machine the same in signals and labels.",
        )
    return tuple(rows)


def _rows(
    block: Block, of: str | None, equipment: str | None, local: LocalTimes, *, decimal_comma: bool
) -> list[LabelRow]:
    start, end = (times_us(block.cells(name), local).tolist() for name in ("start", "end"))
    texts = {
        name: pc.utf8_trim_whitespace(block.columns.column(name)).to_pylist()
        for name in block.columns.schema.names
        if name not in {"start", "end", of}
    }
    own = pc.utf8_trim_whitespace(block.columns.column(of)).to_pylist() if of is not None else None
    rows = []
    for index in range(len(start)):
        if own is not None and equipment is not None and own[index] != equipment:
            continue
        if end[index] <= start[index]:
            raise block.cells("end").fault(index, "end is not after start", _COLUMNS_HINT)
        values = {
            name: _value(cells[index], decimal_comma=decimal_comma)
            for name, cells in texts.items()
            if name != "stable" and cells[index] and cells[index] not in NOT_MEASURED
        }
        stable = "stable" not in texts or _flag(block.cells("stable"), index)
        place = f"{block.path}: row {block.rows[index]}"
        rows.append(LabelRow(start[index], end[index], values, stable=stable, place=place))
    return rows


def _value(text: str, *, decimal_comma: bool) -> LabelValue:
    """A number if it looks like one: 3.0 is the level 3."""
    try:
        number = float(text.replace(",", ".") if decimal_comma else text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _flag(cells: Cells, index: int) -> bool:
    word = cells.text[index].as_py().strip().lower()
    if word in _YES or not word:
        return True
    if word in _NO:
        return False
    raise cells.fault(index, "isn't yes or no", "Write true or false.")
