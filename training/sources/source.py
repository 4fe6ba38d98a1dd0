"""A source of recorded signals and labels, read portion by portion, so that its length doesn't matter for memory."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_runtime.errors import RecordingError
from edge_runtime.machine import Machine
from edge_runtime.reading import Series
from edge_runtime.recording import LabelRow, Recording
from edge_runtime.recording_writer import RecordingWriter, write_labels
from edge_runtime.series_builder import SeriesBuilder
from training.sources.csv_times import UNKNOWN, LocalTimes

CENTRE_SCHEME = "timescaledb:"
"""What an address begins with that names a machine at the centre."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Some readings of a source.

    Attributes:
        series: by sensor. Of one sensor, later portions are later in time.
        done: how much of the source's `size` was read so far.
        repeated: rows left out because a later one has the same sensor and time.
    """

    series: Mapping[str, Series]
    done: int
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a source can't know by itself.

    Attributes:
        machine: whose sensors' units a declared unit is converted to.
        equipment: which machine's rows to read where there are several. Default: the machine file's name.
        local: what times mean that don't say so themselves.
        labels: CSV file of labels, instead of the source's own.
    """

    machine: Machine | None = None
    equipment: str | None = None
    local: LocalTimes = UNKNOWN
    labels: Path | None = None


class Source(Protocol):
    """Signals and labels of one machine."""

    @property
    def path(self) -> Path:
        """What error messages call it."""

    @property
    def layout(self) -> str:
        """What it was taken for, in words for people."""

    @property
    def size(self) -> int:
        """How much there is to read, in the unit of `Portion.done`."""

    def portions(self) -> Iterator[Portion]:
        """The readings.

        Raises:
            RecordingError: something in it can't be read; the message names file and row.
        """

    def labels(self) -> tuple[LabelRow, ...]:
        """The label rows; none if it has no labels.

        Raises:
            RecordingError: something in them can't be read; the message names file and row.
        """


def read_source(source: Source, report: Callable[[int], None] = lambda _: None) -> Recording:
    """All of a source, in memory.

    Args:
        source: what to read.
        report: called with how much of the source's `size` was read.

    Raises:
        RecordingError: it can't be read, or holds no reading.
    """
    builders: dict[str, SeriesBuilder] = defaultdict(SeriesBuilder)
    repeated = 0
    for portion in source.portions():
        for name, one in portion.series.items():
            builders[name].add(one)
        repeated += portion.repeated
        report(portion.done)
    if not builders:
        raise _empty(source)
    series = {name: builder.build() for name, builder in builders.items()}
    return Recording(source.path, series, source.labels(), repeated)


def import_source(source: Source, folder: Path, report: Callable[[int], None] = lambda _: None) -> int:
    """Make a recording folder of a source, with one portion in memory at a time. Returns the number of readings.

    Args:
        source: what to read.
        folder: made if it isn't there; a recording that it held is replaced once the new one is whole.
        report: called with how much of the source's `size` was read.

    Raises:
        RecordingError: the source can't be read or holds no reading, or the folder can't be written.
    """
    labels = source.labels()  # first: a mistake in them shows before the long part
    with RecordingWriter(folder) as writer:
        for portion in source.portions():
            writer.write(portion.series)
            report(portion.done)
    if not writer.readings:
        raise _empty(source)
    if labels:
        write_labels(folder, labels)
    return writer.readings


def _empty(source: Source) -> RecordingError:
    return RecordingError(f"{source.path}: holds no reading", hint="Record something first, or name another source.")
