"""A recording: stored signals and labels, as a folder of Parquet files.

    signals.parquet   time (UTC), sensor (text or dictionary), value (number): a row per reading, in any order
    labels.parquet    optional: start, end (UTC), one column per label, and optionally `stable` (bool)

Values are in canonical units. A time without a zone is taken as UTC. recording_writer.py writes it. pyarrow is
imported only when a recording is read or written, so that a box that does neither never loads it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.errors import RecordingError
from edge_runtime.machine import Machine
from edge_runtime.reading import Int64Array, Series
from edge_runtime.series_builder import SeriesBuilder

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

LabelValue = str | int | float | bool

SIGNALS = "signals.parquet"
LABELS = "labels.parquet"

_ROWS_AT_ONCE = 1_000_000
_SIGNALS_HINT = "A recording's signals.parquet has the columns time (UTC timestamp), sensor (text), value (number)."
_LABELS_HINT = "A recording's labels.parquet has the columns start, end (UTC timestamps) and one per label."


@dataclass(frozen=True, slots=True)
class LabelRow:
    """What is known of the machine over start_us <= t < end_us.

    Attributes:
        start_us: first microsecond.
        end_us: first microsecond after.
        values: label column → value; a missing value is left out.
        stable: False where the machine may not have settled into the labelled state.
        place: file and row that it comes from, where messages should name them.
    """

    start_us: int
    end_us: int
    values: Mapping[str, LabelValue]
    stable: bool = True
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Recording:
    """Signals by sensor name, in order of time, and labels in the order of the file.

    Attributes:
        path: where it comes from.
        series: readings by sensor name.
        labels: what is known of the machine.
        repeated: rows left out because a later one has the same sensor and time.
    """

    path: Path
    series: Mapping[str, Series]
    labels: tuple[LabelRow, ...] = ()
    repeated: int = 0

    @property
    def first_us(self) -> int:
        """Time of the earliest reading."""
        return min(int(series.times_us[0]) for series in self.series.values())

    @property
    def last_us(self) -> int:
        """Time of the latest reading."""
        return max(int(series.times_us[-1]) for series in self.series.values())

    @property
    def sha256(self) -> str:
        """Of its signals, whatever file they came from: of each sensor in order of name, the name, times and values."""
        digest = hashlib.sha256()
        for name in sorted(self.series):
            digest.update(f"{name}:{len(self.series[name])};".encode())
            digest.update(np.ascontiguousarray(self.series[name].times_us, np.dtype("<i8")).data)
            digest.update(np.ascontiguousarray(self.series[name].values, np.dtype("<f8")).data)
        return digest.hexdigest()

    def check_against(self, machine: Machine) -> None:
        """Make sure that this recording is of that machine.

        Raises:
            RecordingError: a sensor that the machine doesn't have, or a label that is no level of its condition.
        """
        unknown = sorted(set(self.series) - set(machine.sensor_index))
        if unknown:
            raise RecordingError(
                f"{self.path / SIGNALS}: machine {machine.name!r} has no sensor {', '.join(unknown)}",
                hint=f"Its sensors are {', '.join(machine.sensor_index)}: choose the machine file that belongs to the "
                "recording, or add the sensor to it.",
            )
        for number, row in enumerate(self.labels, start=1):
            for condition in machine.conditions:
                label = row.values.get(condition.name)
                levels = [str(level.label) for level in condition.levels]
                if label is not None and str(label) not in levels:
                    raise RecordingError(
                        f"{self.path / LABELS}: row {number}: {condition.name} is {label!r}, which is no level of it",
                        hint=f"Machine {machine.name!r} knows the levels {', '.join(levels)}.",
                    )


def read_recording(path: Path) -> Recording:
    """Read the recording in the folder `path`.

    Raises:
        RecordingError: the folder, its signals or one of their columns is missing, damaged or of the wrong type.
    """
    if not path.is_dir():
        raise RecordingError(
            f"{path}: is not a folder",
            hint=f"Name the folder that holds {SIGNALS}; configs/recordings/ has some.",
        )
    labels = path / LABELS
    series, repeated = _read_signals(path / SIGNALS)
    return Recording(path, series, _read_labels(labels) if labels.exists() else (), repeated)


def _read_signals(path: Path) -> tuple[dict[str, Series], int]:
    """Readings by sensor, and how many rows were left out because a later one has the same sensor and time.

    Beside the readings themselves, a million rows at most are in memory at a time.
    """
    import pyarrow as pa  # noqa: PLC0415

    columns = ("time", "sensor", "value")
    builders: dict[str, SeriesBuilder] = defaultdict(SeriesBuilder)
    rows = 0
    with _opened(path, columns, _SIGNALS_HINT) as file:
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=list(columns)):
            for name, series in _by_sensor(path, pa.Table.from_batches([batch])):
                builders[name].add(series)
            rows += batch.num_rows
    if not rows:
        raise RecordingError(f"{path}: holds no reading", hint="Record something first.")
    built = ((name, builder.build()) for name, builder in builders.items())
    ordered = {name: Series.ordered(one.times_us, one.values, one.statuses) for name, one in built}
    return ordered, rows - sum(map(len, ordered.values()))


def _by_sensor(path: Path, table: "pa.Table") -> Iterator[tuple[str, Series]]:
    """Readings of each sensor in some rows of the signals, in their order."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    sensors = table["sensor"].combine_chunks()
    if not pa.types.is_dictionary(sensors.type):
        sensors = _cast(path, table, "sensor", pa.string(), _SIGNALS_HINT).combine_chunks().dictionary_encode()
    if sensors.null_count:
        raise RecordingError(f"{path}: column sensor: {sensors.null_count} rows name no sensor", hint=_SIGNALS_HINT)
    times_us = _times_us(path, table, "time", _SIGNALS_HINT)
    values = pc.fill_null(_cast(path, table, "value", pa.float64(), _SIGNALS_HINT), np.nan).to_numpy()
    codes = sensors.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    names = sensors.dictionary.cast(pa.string()).to_pylist()
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
    for name, low, high in zip(names, bounds[:-1], bounds[1:], strict=True):
        if high > low:
            rows = order[low:high]
            yield name, Series(times_us[rows], values[rows], np.zeros(len(rows), np.uint8))


def _read_labels(path: Path) -> tuple[LabelRow, ...]:
    import pyarrow as pa  # noqa: PLC0415

    with _opened(path, ("start", "end"), _LABELS_HINT) as file:
        table = file.read()
    starts = _times_us(path, table, "start", _LABELS_HINT).tolist()
    ends = _times_us(path, table, "end", _LABELS_HINT).tolist()
    backwards = next((row for row, (start, end) in enumerate(zip(starts, ends, strict=True), 1) if end <= start), None)
    if backwards:
        raise RecordingError(f"{path}: row {backwards}: end is not after start", hint=_LABELS_HINT)
    if "stable" in table.column_names:
        stable = _cast(path, table, "stable", pa.bool_(), _LABELS_HINT).to_pylist()
    else:
        stable = [True] * len(starts)
    names = [name for name in table.column_names if name not in {"start", "end", "stable"}]
    rows = zip(*(table[name].to_pylist() for name in names), strict=True) if names else ((),) * len(starts)
    return tuple(
        LabelRow(
            start,
            end,
            {name: _label(value) for name, value in zip(names, row, strict=True) if value is not None},
            stable=one is not False,
        )
        for start, end, one, row in zip(starts, ends, stable, rows, strict=True)
    )


def _label(value: LabelValue) -> LabelValue:
    """Whole numbers as int: a tool that met a missing value has turned the column's 3 into 3.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


@contextmanager
def _opened(path: Path, columns: Sequence[str], hint: str) -> "Iterator[pq.ParquetFile]":
    """A Parquet file that has these columns; what goes wrong while it is read is said as a RecordingError."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        names = file.schema_arrow.names
        missing = [name for name in columns if name not in names]
        if missing:
            raise RecordingError(f"{path}: has no column {', '.join(missing)} (it has {', '.join(names)})", hint=hint)
        yield file
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            hint += " Of CSV files one is made by `hydrosight-train import`."
            raise RecordingError(f"{path}: is missing", hint=hint) from error
        raise RecordingError(f"{path}: can't be read: {error}", hint=hint) from error
    except pa.ArrowException as error:
        raise RecordingError(f"{path}: is not a Parquet file, or a damaged one: {error}", hint=hint) from error


def _cast(path: Path, table: "pa.Table", column: str, wanted: "pa.DataType", hint: str) -> "pa.ChunkedArray":
    import pyarrow as pa  # noqa: PLC0415

    given = table[column].type
    try:
        # Text would be parsed as numbers, and numbers printed as text: neither is what a recording says.
        if pa.types.is_string(given) != pa.types.is_string(wanted):
            raise pa.ArrowTypeError("text and numbers differ")
        return table[column].cast(wanted)
    except pa.ArrowException as error:
        raise RecordingError(f"{path}: column {column} is {given}, {wanted} is needed", hint=hint) from error


def _times_us(path: Path, table: "pa.Table", column: str, hint: str) -> Int64Array:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.types as pt  # noqa: PLC0415

    given = table[column].type
    if not pt.is_timestamp(given):
        raise RecordingError(f"{path}: column {column} is {given}, a timestamp is needed", hint=hint)
    if table[column].null_count:
        raise RecordingError(f"{path}: column {column}: {table[column].null_count} rows have no time", hint=hint)
    whole = table[column].cast(pa.timestamp("us", given.tz), safe=False).cast(pa.int64())
    times: Int64Array = whole.to_numpy()
    return times
