"""A value that changed faster than it can: a lone spike, or the first sample of a new level?"""

from dataclasses import dataclass

import numpy as np

from edge_runtime.reading import Float64Array, Int64Array
from edge_runtime.stillness import BoolArray

CONSISTENT_SAMPLES = 3
"""So many samples in a row that agree with each other make a new level; a spike has fewer."""


@dataclass(frozen=True, slots=True)
class Level:
    """A value and when it was measured."""

    value: float
    time_us: int


@dataclass(frozen=True, slots=True)
class Track:
    """What one sensor's values are believed to be.

    Attributes:
        accepted: the last value that was believed.
        candidate: the last of those that contradict it, if the newest does.
        agreeing: how many in a row agree with the candidate.
    """

    accepted: Level
    candidate: Level | None = None
    agreeing: int = 0


def follow(
    track: Track, times_us: Int64Array, values: Float64Array, *, per_us: float, period_us: int
) -> tuple[BoolArray, Track]:
    """Which of these readings jump, and what is believed after them.

    A reading fits a level when it differs by no more than `per_us` for every microsecond since, or by what one
    `period_us` allows where the two are closer: time stamps jitter. One that is not newer than the accepted level, such
    as a late one, is left as it is.
    """
    jumps = np.zeros(len(times_us), np.bool_)
    for row, (time_us, value) in enumerate(zip(times_us.tolist(), values.tolist(), strict=True)):
        here = Level(value, time_us)
        if time_us <= track.accepted.time_us:
            continue
        if _fits(track.accepted, here, per_us, period_us):
            track = Track(here)
            continue
        agrees = track.candidate is not None and _fits(track.candidate, here, per_us, period_us)
        agreeing = track.agreeing + 1 if agrees else 1
        if agreeing >= CONSISTENT_SAMPLES:
            track = Track(here)
        else:
            track = Track(track.accepted, here, agreeing)
            jumps[row] = True
    return jumps, track


def _fits(level: Level, here: Level, per_us: float, period_us: int) -> bool:
    return abs(here.value - level.value) <= per_us * max(here.time_us - level.time_us, period_us)
