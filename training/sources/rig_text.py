"""The text files in which the ZeMA rig's data set was published (doi:10.24432/C5CW21).

A file a sensor (`PS1.txt` … `SE.txt`), a row a cycle of 60 s, as many samples in it as the sensor's rate gives, tabs in
between. `profile.txt` has a row a cycle: cooler, valve, pump, accumulator, and 0 where conditions were stable. The
rig's own times were not published: cycle k starts at 2015-01-01T00:00:00Z + 60·(k − 1) s.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from edge_runtime.errors import RecordingError
from edge_runtime.reading import Float64Array, Series
from edge_runtime.recording import LabelRow, LabelValue
from training.sources.csv_labels import read_csv_labels
from training.sources.source import Portion, ReadOptions

PROFILE = "profile.txt"
CONDITIONS = ("cooler", "valve", "pump", "accumulator")

FIRST_CYCLE_US = 1_420_070_400_000_000  # 2015-01-01T00:00:00Z
CYCLE_US = 60_000_000

_NOT_SENSORS = frozenset({PROFILE, "description.txt", "documentation.txt"})
_PORTION_ROWS = 100
_HINT = "Unpack the data set's archive anew: https://archive.ics.uci.edu/dataset/447"


class RigText:
    """A folder of the rig's text files."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        self._options = options

    @property
    def layout(self) -> str:
        """How many sensors there are."""
        return f"text files of the ZeMA rig, {len(self._files)} sensors"

    @property
    def size(self) -> int:
        """Bytes of all sensors' files."""
        return sum(path.stat().st_size for path in self._files)

    def portions(self) -> Iterator[Portion]:
        """The readings, sensor by sensor, a hundred cycles at a time."""
        before, cycles = 0, len(self._profile)
        for path in self._files:
            cycle = 0
            for done, rows in _rows(path):
                values = [_numbers(path, cycle + row, text) for row, text in enumerate(rows, 1)]
                yield Portion({path.stem: _series(path, cycle, values)}, before + done)
                cycle += len(rows)
            if cycle != cycles:
                raise RecordingError(f"{path}: has {cycle} rows, {PROFILE} has {cycles}", hint=_HINT)
            before += path.stat().st_size

    def labels(self) -> tuple[LabelRow, ...]:
        """Those of the file that the options name, or a row a cycle with the groups that follow from its states.

        `block` numbers the states of cooler, accumulator and pump together, `campaign` those of the cooler.
        """
        if self._options.labels is not None:
            return read_csv_labels(self._options.labels, self._options.local, self._options.equipment)
        blocks = _numbered([(cooler, accumulator, pump) for cooler, _, pump, accumulator, _ in self._profile])
        campaigns = _numbered([(cooler,) for cooler, *_ in self._profile])
        labels = []
        for cycle, (*levels, unstable) in enumerate(self._profile):
            values: dict[str, LabelValue] = {"cycle": cycle + 1, **dict(zip(CONDITIONS, levels, strict=True))}
            start_us = FIRST_CYCLE_US + cycle * CYCLE_US
            values |= {"block": blocks[cycle], "campaign": campaigns[cycle]}
            labels.append(LabelRow(start_us, start_us + CYCLE_US, values, stable=unstable == 0))
        return tuple(labels)

    @cached_property
    def _files(self) -> tuple[Path, ...]:
        return tuple(path for path in sorted(self.path.glob("*.txt")) if path.name not in _NOT_SENSORS)

    @cached_property
    def _profile(self) -> tuple[tuple[int, ...], ...]:
        path = self.path / PROFILE
        profile: list[tuple[int, ...]] = []
        for _, rows in _rows(path):
            for text in rows:
                values = _numbers(path, len(profile) + 1, text)
                if len(values) != len(CONDITIONS) + 1:
                    raise RecordingError(
                        f"{path}: row {len(profile) + 1}: has {len(values)} values instead of 5", hint=_HINT
                    )
                profile.append(tuple(int(value) for value in values))
        return tuple(profile)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows of a file, a hundred at a time, and how many bytes were read so far."""
    try:
        with path.open("rb") as file:
            done, rows = 0, []
            for line in file:
                done += len(line)
                if line.strip():
                    rows.append(line.decode("ascii", errors="replace"))
                if len(rows) == _PORTION_ROWS:
                    yield done, rows
                    rows = []
            if rows:
                yield done, rows
    except OSError as error:
        raise RecordingError(f"{path}: can't be read: {error.strerror or error}", hint=_HINT) from error


def _numbers(path: Path, row: int, text: str) -> Float64Array:
    try:
        return np.array(text.split(), np.float64)
    except ValueError as error:
        raise RecordingError(f"{path}: row {row}: {error}", hint=_HINT) from error


def _series(path: Path, first_cycle: int, rows: Sequence[Float64Array]) -> Series:
    samples = len(rows[0])
    for number, values in enumerate(rows, first_cycle + 1):
        if len(values) != samples or CYCLE_US % samples:
            raise RecordingError(f"{path}: row {number}: has {len(values)} values instead of {samples}", hint=_HINT)
    cycles = FIRST_CYCLE_US + CYCLE_US * np.arange(first_cycle, first_cycle + len(rows), dtype=np.int64)
    times = cycles[:, None] + CYCLE_US // samples * np.arange(samples, dtype=np.int64)
    return Series(times.ravel(), np.concatenate(rows), np.zeros(times.size, np.uint8))


def _numbered(states: Sequence[tuple[int, ...]]) -> list[int]:
    """Number of each state among all that occur, in their order."""
    numbers = {state: number for number, state in enumerate(sorted(set(states)))}
    return [numbers[state] for state in states]
