"""Writes a recording portion by portion, so that its length doesn't matter for memory. The form: see recording.py.

With `with_quality` there are two more columns, `quality` and `reason`, which whoever reads a recording may ignore.
pyarrow is imported only when a writer is opened.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from edge_runtime.errors import RecordingError
from edge_runtime.quality import Quality, Reason, UInt8Array, quality_of, reason_of
from edge_runtime.reading import Series
from edge_runtime.recording import LABELS, SIGNALS

if TYPE_CHECKING:
    import pyarrow as pa


class RecordingWriter:
    """A context manager: the recording has its name once the `with` block is left without an error, and not before.

    Attributes:
        file: what is being written, under its final name.
        readings: how many were written so far.
    """

    def __init__(self, folder: Path, *, with_quality: bool = False) -> None:
        self.file = folder / SIGNALS
        self.readings = 0
        self._partial = self.file.with_name(SIGNALS + ".partial")
        self._with_quality = with_quality
        self._closing = ExitStack()

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
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._closing.enter_context(
                pq.ParquetWriter(self._partial, self._schema, compression="zstd", write_page_checksum=True)
            )
        except OSError as error:
            raise self._failed(error) from error
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
            pa.array(np.concatenate([one.times_us for one in series.values()])).cast(pa.timestamp("us", "UTC")),
            pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(series), pa.string())),
            pa.array(np.where(qualities == Quality.BAD, np.nan, values)),
        ]
        if self._with_quality:
            columns += [_named(qualities, Quality), _named(reason_of(statuses), Reason)]
        try:
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        except OSError as error:
            raise self._failed(error) from error
        self.readings += sum(counts)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the file, or take it away if something went wrong or it holds nothing."""
        try:
            self._closing.close()
            if kind is None and self.readings:
                self._partial.replace(self.file)
                (self.file.parent / LABELS).unlink(missing_ok=True)
        except OSError as failure:
            raise self._failed(failure) from failure
        finally:
            self._partial.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> RecordingError:
        return RecordingError(
            f"{self.file.parent}: can't be written: {error.strerror or error}",
            hint="Name a folder that you may write to, on a disk with room.",
        )


def _named(codes: UInt8Array, names: type[Quality] | type[Reason]) -> "pa.DictionaryArray":
    import pyarrow as pa  # noqa: PLC0415

    words = [name.name.lower() for name in names]
    # Unknown reasons, of a newer version, stay nameless.
    known = pa.array(codes.astype(np.int32), mask=codes >= len(words))
    return pa.DictionaryArray.from_arrays(known, pa.array(words, pa.string()))
