"""Writes a recording, portion by portion where its length mustn't matter for memory. The form: see recording.py.

With `with_quality` there are two more columns, `quality` and `reason`, which whoever reads a recording may ignore.
pyarrow is imported only when something is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from edge_runtime.errors import RecordingError
from edge_runtime.quality import Quality, Reason, UInt8Array, quality_of, reason_of
from edge_runtime.reading import Int64Array, Series
from edge_runtime.recording import LABELS, SIGNALS, LabelRow
from edge_runtime.unfinished_file import UnfinishedFile

if TYPE_CHECKING:
    import pyarrow as pa

_FORM = {"compression": "zstd", "write_page_checksum": True}
_LABELS_AT_ONCE = 20_000


class RecordingWriter:
    """A context manager: the recording has its name once the `with` block is left without an error, and not before.

    Attributes:
        file: what is being written, under its final name.
        readings: how many were written so far.
    """

    def __init__(self, folder: Path, *, with_quality: bool = False) -> None:
        self.file = folder / SIGNALS
        self.readings = 0
        self._unfinished = UnfinishedFile(self.file)
        self._with_quality = with_quality

    def __enter__(self) -> Self:
        """Make the folder and begin.

        Raises:
            RecordingError: pyarrow isn't installed, or the folder can't be written to.
        """
        try:
            import pyarrow as pa  # noqa: PLC0415
            import pyarrow.parquet as pq  # noqa: PLC0415
        except ImportError as error:
            raise RecordingError(
                "a recording can't be written: pyarrow isn't installed",
                hint="Install it (`pip install 'hydrosight[edge-core]'`), or take --format csv.",
            ) from error
        text = pa.dictionary(pa.int32(), pa.string())
        columns = [("time", pa.timestamp("us", "UTC")), ("sensor", text), ("value", pa.float64())]
        if self._with_quality:
            columns += [("quality", text), ("reason", text)]
        self._schema = pa.schema(columns)
        with ExitStack() as opened:
            partial = opened.enter_context(self._unfinished).partial
            opened.push(self._drop_old_labels)
            with self._unfinished.errors_named():
                self._writer = opened.enter_context(pq.ParquetWriter(partial, self._schema, **_FORM))
            self._opened = opened.pop_all()
        return self

    def write(self, series: Mapping[str, Series]) -> None:
        """Add readings, those of one sensor in order of time; values of BAD quality become NaN.

        Raises:
            RecordingError: they can't be written.
        """
        import pyarrow as pa  # noqa: PLC0415

        counts = [len(one) for one in series.values()]
        if not sum(counts):
            return
        statuses = np.concatenate([one.statuses for one in series.values()])
        qualities = quality_of(statuses)
        values = np.concatenate([one.values for one in series.values()])
        codes = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        columns = [
            _timestamps(np.concatenate([one.times_us for one in series.values()])),
            pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(series), pa.string())),
            pa.array(np.where(qualities == Quality.BAD, np.nan, values)),
        ]
        if self._with_quality:
            columns += [_named(qualities, Quality), _named(reason_of(statuses), Reason)]
        with self._unfinished.errors_named():
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self.readings += sum(counts)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the file, or take it away if something went wrong or it holds nothing."""
        if not self.readings:
            self._unfinished.discard()
        with self._unfinished.errors_named():
            self._opened.__exit__(kind, error, traceback)

    def _drop_old_labels(self, kind: type[BaseException] | None, *_: object) -> None:
        """Before the signals have their name, so that they never stand beside the labels of others."""
        if kind is None and self.readings:
            (self.file.parent / LABELS).unlink(missing_ok=True)


def write_recording(path: Path, series: Mapping[str, Series], labels: Sequence[LabelRow] = ()) -> None:
    """Write a recording that is in memory into the folder `path`, replacing one that is there.

    Raises:
        RecordingError: it can't be written.
    """
    with RecordingWriter(path) as writer:
        writer.write(series)
    if labels:
        write_labels(path, labels)


def write_labels(path: Path, labels: Sequence[LabelRow]) -> None:
    """Write the labels of the recording in the folder `path`, replacing those that are there.

    Raises:
        RecordingError: a column mixes text and numbers, or the folder can't be written.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns = dict.fromkeys(name for row in labels for name in row.values)
    try:
        values = {name: pa.array([row.values.get(name) for row in labels]) for name in columns}
    except pa.ArrowException as error:
        raise RecordingError(
            f"{path / LABELS}: a column mixes text and numbers: {error}",
            hint="Write its labels all as one or the other.",
        ) from error
    times = {
        "start": _timestamps(np.array([row.start_us for row in labels])),
        "end": _timestamps(np.array([row.end_us for row in labels])),
    }
    stable = {"stable": pa.array([row.stable for row in labels], pa.bool_())}
    with UnfinishedFile(path / LABELS) as file, file.errors_named():
        pq.write_table(pa.table({**times, **values, **stable}), file.partial, **_FORM)


def write_label_stream(path: Path, columns: Sequence[str], labels: Iterable[LabelRow]) -> int:
    """Write labels whose values are texts, some at a time. Returns how many rows; without any there is no file.

    Args:
        path: folder of the recording.
        columns: every label that the rows may name.
        labels: rows of any number.

    Raises:
        RecordingError: the folder can't be written.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    moment = pa.timestamp("us", "UTC")
    texts = [(name, pa.string()) for name in columns]
    schema = pa.schema([("start", moment), ("end", moment), *texts, ("stable", pa.bool_())])
    remaining, written = iter(labels), 0
    with UnfinishedFile(path / LABELS) as file, file.errors_named():
        with pq.ParquetWriter(file.partial, schema, **_FORM) as writer:
            while rows := list(islice(remaining, _LABELS_AT_ONCE)):
                values = [[row.values.get(name) for row in rows] for name in columns]
                stable = [row.stable for row in rows]
                arrays = [[row.start_us for row in rows], [row.end_us for row in rows], *values, stable]
                writer.write_table(pa.table(arrays, schema=schema))
                written += len(rows)
        if not written:
            file.discard()
    return written


def _timestamps(times_us: Int64Array) -> "pa.Array":
    import pyarrow as pa  # noqa: PLC0415

    return pa.array(times_us.astype(np.int64)).cast(pa.timestamp("us", "UTC"))


def _named(codes: UInt8Array, names: type[Quality] | type[Reason]) -> "pa.DictionaryArray":
    import pyarrow as pa  # noqa: PLC0415

    words = [name.name.lower() for name in names]
    # Unknown reasons, of a newer version, stay nameless.
    known = pa.array(codes.astype(np.int32), mask=codes >= len(words))
    return pa.DictionaryArray.from_arrays(known, pa.array(words, pa.string()))
