"""One machine's windows and labels as a recording: a folder that has its name once it is whole, and not before.

signals.parquet, labels.parquet   the recording (edge_runtime/recording.py)
machine.yaml                      the machine file as its box brought it, where it did
export.json                       what was asked for and what there was: `ExportRecord`
"""

import shutil
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from pydantic import BaseModel, ConfigDict, ValidationError

from cloud_sync.cloud.export.stored_windows import (
    SAMPLES_AT_ONCE,
    WindowSpan,
    labelled_conditions,
    stored_labels,
    stored_portions,
)
from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.errors import RecordingError
from edge_runtime.folder_lock import locked
from edge_runtime.recording_writer import RecordingWriter, write_label_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD = "export.json"

_QUERIES = load_queries("read.sql")


class Reached(NamedTuple):
    """How far an export is: at the window that begins at `time`, with so many `readings` written."""

    time: datetime
    readings: int


class ExportRecord(BaseModel):
    """What an export holds: the windows of `machine` that begin from `since` on and before `until`, if these are given.

    Attributes:
        sensors: only these were asked for; null for all.
        readings: samples, gaps included.
        windows: how many.
        label_rows: windows that people have said something of.
        conditions: of which something was said.
        until_window: start of the last window.
    """

    model_config = ConfigDict(frozen=True)

    machine: str
    since: datetime | None
    until: datetime | None
    sensors: tuple[str, ...] | None
    readings: int
    windows: int
    label_rows: int
    conditions: tuple[str, ...]
    until_window: datetime | None

    def answers(self, span: WindowSpan) -> bool:
        """Whether this is what was asked for."""
        return (self.machine, self.since, self.until, self.sensors) == (
            *(span.machine, span.since, span.until),
            span.sensors,
        )


def finished_export(folder: Path) -> ExportRecord | None:
    """What the export in `folder` holds; None where there is none, or none that is whole."""
    try:
        return ExportRecord.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


def export_machine(
    connection: psycopg.Connection,
    span: WindowSpan,
    folder: Path,
    report: Callable[[Reached], None] = lambda _: None,
    *,
    samples_at_once: int = SAMPLES_AT_ONCE,
) -> ExportRecord | None:
    """Write the recording of a span, with one row group in memory at a time, replacing one that `folder` holds.

    Args:
        connection: a `snapshot`.
        span: which windows.
        folder: its name, once it is whole; the folder around it is made and held meanwhile.
        report: told how far it is after each row group.
        samples_at_once: of a row group.

    Returns:
        What was written; None, and nothing is, where the span has no sample.

    Raises:
        RecordingError: the folder can't be written.
    """
    with _whole_or_not_at_all(folder) as partial:
        writer, windows, reached = RecordingWriter(partial), 0, None
        with writer:
            for portion in stored_portions(connection, span, samples_at_once=samples_at_once):
                writer.write(portion.series)
                windows, reached = portion.windows, portion.reached
                report(Reached(reached, writer.readings))
        if not writer.readings:
            return None
        conditions = labelled_conditions(connection, span.machine)
        label_rows = write_label_stream(partial, conditions, stored_labels(connection, span))
        row = connection.execute(_QUERIES["machine_file"], {"machine": span.machine}).fetchone()
        if row is not None and row[0]:
            (partial / "machine.yaml").write_text(row[0], encoding="utf-8")
        record = ExportRecord(
            machine=span.machine,
            since=span.since,
            until=span.until,
            sensors=span.sensors,
            readings=writer.readings,
            windows=windows,
            label_rows=label_rows,
            conditions=tuple(conditions) if label_rows else (),
            until_window=reached,
        )
        (partial / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return record


@contextmanager
def _whole_or_not_at_all(folder: Path) -> "Iterator[Path]":
    """A folder beside it to write to, which gets its name if a recording is in it at the end.

    The name begins with a dot: no machine's does. What a run that was killed has left there is taken away.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        with locked(folder.parent):
            shutil.rmtree(partial, ignore_errors=True)
            try:
                partial.mkdir()
                yield partial
                if (partial / RECORD).exists():
                    shutil.rmtree(folder, ignore_errors=True)
                    partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise RecordingError(
            f"{folder}: can't be written: {error.strerror or error}",
            hint="Name a folder that you may write to, on a disk with room.",
        ) from error
