"""Signals as CSV files of one or several machines: a column a sensor, or a row a reading.

    equipment_id, timestamp, PS1 [bar], PS2 [psi], …     wide: sensors by column, a unit in brackets is converted
    time, sensor, value                                  long: as `hydrosight readings export --format csv` writes it

An empty cell is no reading: so sensors of different rates share a file. NaN is a reading that failed: a gap. Of each
machine and sensor, rows are in order of time.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from edge_runtime.errors import RecordingError
from edge_runtime.reading import Float64Array, Int64Array, Series
from edge_runtime.recording import LabelRow
from training.sources.csv_cells import Cells, numbers, present
from training.sources.csv_dialect import CsvDialect, find_dialect
from training.sources.csv_labels import EQUIPMENT, read_csv_labels
from training.sources.csv_rows import Block, read_blocks
from training.sources.csv_times import times_us
from training.sources.declared_unit import DeclaredUnit, declared_unit
from training.sources.source import Portion, ReadOptions
from training.sources.time_order import TimeOrder

LABELS_FILE = "labels.csv"

_TIME = ("timestamp", "time", "datetime")
_LONG = ("sensor", "value")
_NOT_SENSORS = frozenset({"quality", "reason"})
_WITH_UNIT = re.compile(r"(.+?)\s*[\[(]([^\])]+)[\])]")
_COLUMNS_HINT = (
    "A CSV of signals has the columns timestamp and one per sensor, or time, sensor, value; equipment_id where it "
    "holds several machines."
)


@dataclass(frozen=True, slots=True)
class _File:
    """A file and what its columns are: sensor name and unit by column, none where the rows are long."""

    path: Path
    dialect: CsvDialect
    time: str
    equipment: str | None
    sensors: Mapping[str, tuple[str, DeclaredUnit]]


class CsvSource:
    """One CSV file, or all of a folder, as signals of one machine."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        self._options = options

    @property
    def layout(self) -> str:
        """How many files, and how they are written."""
        files = self._files
        count = "one file" if len(files) == 1 else f"{len(files)} files"
        shape = "a column a sensor" if files[0].sensors else "a row a reading"
        return f"CSV, {count}: {shape}, {files[0].dialect}"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.path.stat().st_size for file in self._files)

    def portions(self) -> Iterator[Portion]:
        """The readings, file by file in order of their first times, block by block."""
        order, before = TimeOrder(), 0
        for file in self._in_order:
            for block in self._blocks(file):
                if len(block.columns):
                    series = self._wide(file, block, order) if file.sensors else self._long(file, block, order)
                    yield Portion(series, before + block.done)
            before += file.path.stat().st_size

    def labels(self) -> tuple[LabelRow, ...]:
        """Those of the file that the options name, of labels.csv beside the signals, or none."""
        beside = self.path if self.path.is_dir() else self.path.parent
        path = self._options.labels or beside / LABELS_FILE
        if self._options.labels is None and not path.exists():
            return ()
        return read_csv_labels(path, self._options.local, self._equipment or self._options.equipment)

    @cached_property
    def _files(self) -> tuple[_File, ...]:
        paths = csv_files(self.path) if self.path.is_dir() else (self.path,)
        if not paths:
            raise RecordingError(f"{self.path}: holds no CSV file of signals", hint=_COLUMNS_HINT)
        return tuple(self._file(path) for path in paths)

    @cached_property
    def _in_order(self) -> tuple[_File, ...]:
        def first_us(file: _File) -> int:
            block = next(self._blocks(file, limit=1), None)
            return 0 if block is None else int(self._times(file, block)[0])

        return self._files if len(self._files) == 1 else tuple(sorted(self._files, key=first_us))

    @cached_property
    def _equipment(self) -> str | None:
        """Whose rows to read; None where nothing says whose they are."""
        asked = self._options.equipment
        found: dict[str, Path] = {}
        for file in self._files:
            if file.equipment is not None:
                for block in read_blocks(file.path, file.dialect, (file.equipment,)):
                    names = pc.unique(pc.utf8_trim_whitespace(block.columns.column(0))).to_pylist()
                    found |= dict.fromkeys(names, file.path)
        if asked is None and self._options.machine is not None and self._options.machine.name in found:
            asked = self._options.machine.name
        if asked is not None and found and asked not in found:
            raise RecordingError(
                f"{self.path}: holds nothing of {asked!r}; it has {', '.join(found)}",
                hint="Name one of these with --equipment.",
            )
        if asked is None and len(found) > 1:
            raise RecordingError(
                f"{self.path}: holds several machines: {', '.join(found)}",
                hint="Import one at a time: `hydrosight-train import SOURCE --equipment NAME --output FOLDER`.",
            )
        return asked or next(iter(found), None)

    def _file(self, path: Path) -> _File:
        dialect = find_dialect(path)
        lower = {name.lower(): name for name in reversed(dialect.header)}
        time = next((lower[name] for name in _TIME if name in lower), None)
        if time is None:
            raise RecordingError(
                f"{path}: row 1: has no column timestamp (it has {', '.join(dialect.header)})", hint=_COLUMNS_HINT
            )
        equipment = next((lower[name] for name in EQUIPMENT if name in lower), None)
        if set(_LONG) <= set(dialect.header):
            return _File(path, dialect, time, equipment, {})
        columns = [name for name in dialect.header if name not in {time, equipment} | _NOT_SENSORS]
        if not columns:
            raise RecordingError(f"{path}: row 1: has no column of a sensor", hint=_COLUMNS_HINT)
        sensors = {column: self._sensor(path, column) for column in columns}
        names = [name for name, _ in sensors.values()]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise RecordingError(
                f"{path}: row 1: {', '.join(twice)} is there in two units", hint="Leave one of the columns out."
            )
        return _File(path, dialect, time, equipment, sensors)

    def _sensor(self, path: Path, column: str) -> tuple[str, DeclaredUnit]:
        """`PS1 [psi]` is PS1 in psi."""
        found = _WITH_UNIT.fullmatch(column)
        name, unit = found.groups() if found else (column, None)
        return name, declared_unit(name, unit, self._options.machine, f"{path}: row 1")

    def _blocks(self, file: _File, limit: int | None = None) -> Iterator[Block]:
        """Blocks with rows of the machine asked for, at most `limit` of them."""
        count = 0
        for block in read_blocks(file.path, file.dialect):
            if limit is not None and count >= limit:
                return
            chosen = block
            if self._equipment is not None and file.equipment is not None:
                own = pc.equal(pc.utf8_trim_whitespace(block.columns.column(file.equipment)), self._equipment)
                chosen = block.where(own.to_numpy(zero_copy_only=False))
            if len(chosen.columns):
                count += 1
                yield chosen

    def _times(self, file: _File, block: Block) -> Int64Array:
        return times_us(block.cells(file.time), self._options.local)

    def _wide(self, file: _File, block: Block, order: TimeOrder) -> dict[str, Series]:
        times = self._times(file, block)
        series = {}
        for column, (name, unit) in file.sensors.items():
            cells = block.cells(column)
            there = present(cells)
            if not there.any():
                continue
            values = unit.convert(numbers(cells, decimal_comma=file.dialect.decimal_comma))
            order.check(name, times[there], block.cells(file.time), np.flatnonzero(there))
            series[name] = _series(times[there], values[there])
        return series

    def _long(self, file: _File, block: Block, order: TimeOrder) -> dict[str, Series]:
        times = self._times(file, block)
        values = numbers(block.cells("value"), decimal_comma=file.dialect.decimal_comma)
        units = block.columns.column("unit").to_pylist() if "unit" in file.dialect.header else None
        names = pc.utf8_trim_whitespace(block.columns.column("sensor")).dictionary_encode()
        codes = names.indices.to_numpy()
        series = {}
        for code, name in enumerate(names.dictionary.to_pylist()):
            rows = np.flatnonzero(codes == code)
            order.check(name, times[rows], block.cells(file.time), rows)
            own = values[rows]
            if units is not None:
                own = self._converted(block.cells("unit"), name, own, rows, [units[row].strip() for row in rows])
            series[name] = _series(times[rows], own)
        return series

    def _converted(
        self, cells: Cells, name: str, values: Float64Array, rows: Int64Array, units: Sequence[str]
    ) -> Float64Array:
        """Values of one sensor, each by the unit of its own row."""
        converted = values.copy()
        for unit in dict.fromkeys(units):
            same = np.array([one == unit for one in units])
            where = f"{cells.path}: row {cells.rows[rows[same][0]]}"
            converted[same] = declared_unit(name, unit or None, self._options.machine, where).convert(values[same])
        return converted


def csv_files(folder: Path) -> tuple[Path, ...]:
    """The CSV files of signals in a folder: all but its labels."""
    found = (path for pattern in ("*.csv", "*.csv.gz") for path in folder.glob(pattern))
    return tuple(sorted(path for path in found if path.name != LABELS_FILE))


def _series(times: Int64Array, values: Float64Array) -> Series:
    return Series(times, values, np.zeros(len(times), np.uint8))
