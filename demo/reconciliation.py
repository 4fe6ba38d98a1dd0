"""Compare what the rig and the box sent with what is in the database, value by value."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.reading import Series

# Temperatures travel as int16 hundredths, everything as float32 in the end.
_ABSOLUTE_TOLERANCE = 0.0051
_RELATIVE_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Count:
    """How many of something were sent and arrived.

    `twice` counts those in the database more often than once, `altered` those that aren't as they were sent.
    """

    what: str
    sent: int
    arrived: int
    missing: int
    twice: int
    altered: int

    @property
    def numbers(self) -> tuple[int, int, int, int, int]:
        """The figures in the order of the summary's columns."""
        return self.sent, self.arrived, self.missing, self.twice, self.altered

    @property
    def perfect(self) -> bool:
        """Everything is there once, as it was sent."""
        return self.sent > 0 and not (self.missing or self.twice or self.altered)


@dataclass(frozen=True, slots=True)
class StoredChannel:
    """One row of the database's windows: sample k stands for [start + k·step, start + (k+1)·step)."""

    sensor: str
    start_us: int
    step_us: int
    samples: npt.NDArray[np.float32]


def compare_readings(sent: Mapping[str, Series], stored: Sequence[StoredChannel], starts: Iterable[int]) -> Count:
    """Look up each reading of the windows that begin at `starts`, all of the same length, in the rows.

    `sent` holds these windows' readings only. A reading whose place holds nothing, or something else, is missing.
    """
    rows = {(row.sensor, row.start_us): row for row in stored}
    ordered = np.array(sorted(starts), np.int64)
    total = found = 0
    for sensor, series in sent.items():
        total += len(series)
        window = ordered[np.searchsorted(ordered, series.times_us, side="right") - 1]
        for start in np.unique(window):
            row = rows.get((sensor, int(start)))
            if row is None:
                continue
            here = window == start
            slot = (series.times_us[here] - start) // row.step_us
            inside = slot < len(row.samples)
            arrived = row.samples[slot[inside]]
            expected = series.values[here][inside]
            tolerance = _ABSOLUTE_TOLERANCE + _RELATIVE_TOLERANCE * np.abs(expected)
            found += int((np.abs(arrived - expected) <= tolerance).sum())
    return Count("readings", total, found, total - found, _repeated((r.sensor, r.start_us) for r in stored), 0)


def compare_messages(
    what: str, sent: Mapping[Hashable, object | None], stored: Sequence[tuple[Hashable, object]]
) -> Count:
    """Compare messages by key and content; a sent content of None isn't compared."""
    contents = dict(stored)
    present = set(sent) & set(contents)
    altered = sum(sent[key] is not None and sent[key] != contents[key] for key in present)
    unexpected = len(set(contents) - set(sent))
    missing = len(sent) - len(present)
    return Count(what, len(sent), len(contents), missing, _repeated(key for key, _ in stored), altered + unexpected)


def _repeated(keys: Iterable[Hashable]) -> int:
    return sum(times > 1 for times in Counter(keys).values())
