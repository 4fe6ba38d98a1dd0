"""A recording folder (`signals.parquet`, `labels.parquet`) as a source."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from edge_runtime.recording import LabelRow, Recording, read_recording
from training.sources.csv_labels import read_csv_labels
from training.sources.source import Portion, ReadOptions


class RecordingFolder:
    """A recording as it is. Its signals come as one portion: they may be in any order in the file."""

    layout = "recording (Parquet)"

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        self._options = options

    @property
    def size(self) -> int:
        """One portion."""
        return 1

    def portions(self) -> Iterator[Portion]:
        """The readings."""
        yield Portion(self._recording.series, 1, self._recording.repeated)

    def labels(self) -> tuple[LabelRow, ...]:
        """Those of the file that the options name, or its own."""
        return self._recording.labels

    @cached_property
    def _recording(self) -> Recording:
        recording = read_recording(self.path)
        if self._options.labels is None:
            return recording
        return replace(
            recording,
            labels=read_csv_labels(self._options.labels, self._options.local, self._options.equipment),
        )
