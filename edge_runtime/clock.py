"""How far the box's clock can be trusted.

A box without a battery for its clock wakes in 1970 and learns the time from the network, or never. What it always has
is a floor: a moment that is certainly past, because a trusted clock has said so (this software's build, the last time
it was synchronised, a time signed by the centre). The floor only rises.

A clock that is not synchronised never raises the floor: one wrong start in 2099 would make every later time suspect.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edge_runtime.durable import replace_file


class ClockState(StrEnum):
    """From best to worst."""

    SYNCED = "synced"
    BOUNDED = "bounded"
    SUSPECT = "suspect"


@dataclass(frozen=True, slots=True)
class ClockAssessment:
    """What a look at the clock says.

    Attributes:
        state: SYNCED: synchronised and past the floor. BOUNDED: past the floor, which is all that is known. SUSPECT:
            before the floor, so it is wrong for certain.
        time_us: the best estimate of now, the later of clock and floor.
        floor_us: the floor from here on.
    """

    state: ClockState
    time_us: int
    floor_us: int


def assess(now_us: int, floor_us: int, *, synchronised: bool) -> ClockAssessment:
    """Judge a clock.

    Args:
        now_us: what the clock says, microseconds since the epoch.
        floor_us: latest moment known to be past.
        synchronised: whether the system's time service says that the clock follows a reference.
    """
    time_us = max(now_us, floor_us)
    if now_us < floor_us:
        return ClockAssessment(ClockState.SUSPECT, time_us, floor_us)
    if not synchronised:
        return ClockAssessment(ClockState.BOUNDED, time_us, floor_us)
    return ClockAssessment(ClockState.SYNCED, time_us, floor_us=now_us)


def read_floor(path: Path, build_time_us: int) -> int:
    """The floor to start from: what was last written, or the build time if that is later or nothing can be read."""
    try:
        return max(build_time_us, int(path.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return build_time_us


def raise_floor(path: Path, floor_us: int) -> int:
    """Write a floor if it is above the one that stands, in one step that a power cut can't halve.

    Returns:
        The floor that stands now.

    Raises:
        OSError: it can't be written; the former floor stands.
    """
    standing = read_floor(path, 0)
    if floor_us > standing:
        replace_file(path, f"{floor_us}\n".encode("ascii"))
    return max(floor_us, standing)
