"""The box's clock: the thin driver of `edge_runtime.clock` and `edge_runtime.timeline`.

The whole agent has one, and takes every `now` from it.
"""

import ctypes
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path

from edge_runtime.clock import ClockAssessment, ClockState, assess, raise_floor, read_floor
from edge_runtime.timeline import STEP_US, ClockLook, ClockStep, Timeline, begin, go_on
from edge_runtime.utc import microseconds, utc_datetime

# It can't be earlier than when this file was made or installed.
BUILD_TIME_US = int(Path(__file__).stat().st_mtime * 1e6)
_TIME_ERROR = 5
_TIMEX_BYTES = 512


def look_at_clocks() -> ClockLook:
    """The system's clocks now."""
    synchronised = kernel_says_synchronised()
    return ClockLook(time.time_ns() // 1000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, synchronised)


def system_monotonic_us() -> int:
    """Time since the machine was switched on."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class BoxClock:
    """Tells the time, and remembers the floor in a file.

    `now_us` may be asked in any thread; all else belongs to one.
    """

    def __init__(
        self,
        floor_file: Path,
        look: Callable[[], ClockLook] = look_at_clocks,
        monotonic_us: Callable[[], int] = system_monotonic_us,
    ) -> None:
        self._floor_file = floor_file
        self._floor_us = read_floor(floor_file, BUILD_TIME_US)
        self._look = look
        self._monotonic_us = monotonic_us
        self._timeline = begin(look(), self._floor_us)
        self._since_us = self.now_us()

    @property
    def state(self) -> ClockState:
        """How far it could be trusted at the last step."""
        return self._timeline.state

    @property
    def since_us(self) -> int:
        """The time at which it was last set, as far as this run of the agent knows; it has gone on evenly since."""
        return self._since_us

    def now_us(self) -> int:
        """The time, microseconds since 1970, UTC. It goes on evenly between two calls of `follow`."""
        return self._timeline.time_us(self._monotonic_us())

    def resume(self, earlier: Timeline | None, latest_us: int) -> ClockStep:
        """Go on where an earlier run of the agent stopped.

        Args:
            earlier: its time, if the machine wasn't switched off since; None otherwise.
            latest_us: the last moment that it has stamped; a suspect clock doesn't fall behind it.

        Returns:
            The step from its time to what is known now; one by nothing where that is the same, or where this is the
            first run since the machine was switched on.
        """
        if earlier is None and self.state is ClockState.SUSPECT:
            behind_us = max(0, latest_us - self.now_us())
            earlier = Timeline(self._timeline.offset_us + behind_us, ClockState.SUSPECT)
        look = self._look()
        timeline, step = go_on(earlier or begin(look, self._floor_us), look, self._floor_us)
        self._timeline = timeline
        self._since_us = now_us = timeline.time_us(look.monotonic_us)
        return step or ClockStep(look.monotonic_us, look.wall_us, now_us, now_us, timeline.state, timeline.state)

    def follow(self) -> ClockStep | None:
        """Look at the wall clock and follow it as far as it can be trusted; gives the step that this took, if any."""
        self._timeline, step = go_on(self._timeline, self._look(), self._floor_us)
        if step is not None and abs(step.shift_us) >= STEP_US:
            self._since_us = step.after_us
        return step

    def assess(self) -> ClockAssessment:
        """Judge the wall clock now."""
        look = self._look()
        return assess(look.wall_us, self._floor_us, synchronised=look.synchronised)

    def keep_floor(self) -> ClockAssessment:
        """Judge the wall clock now; a synchronised one raises the floor, also for the next start.

        Raises:
            OSError: the floor can't be written.
        """
        assessment = self.assess()
        if assessment.floor_us > self._floor_us:
            self._floor_us = raise_floor(self._floor_file, assessment.floor_us)
        return assessment

    def at_least(self) -> datetime:
        """What time it is at least, UTC: the later of the wall clock and its floor."""
        return utc_datetime(max(self._look().wall_us, self._floor_us))

    def signed(self, moment: datetime) -> None:
        """The centre has signed that this moment is past: the floor is at least there."""
        self._floor_us = raise_floor(self._floor_file, microseconds(moment))


def kernel_says_synchronised() -> bool:
    """Whether a time service steers the kernel's clock (adjtimex(2), whoever the service is)."""
    state = _libc().adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return state not in (-1, _TIME_ERROR)


def kernel_boot_id() -> str:
    """What Linux calls the time since the machine was switched on; empty where nobody says."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
