"""The box's clock and how far it can be trusted: the thin driver of `edge_runtime.clock`."""

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path

from edge_runtime.clock import ClockAssessment, assess, raise_floor, read_floor

# It can't be earlier than when this file was made or installed.
BUILD_TIME_US = int(Path(__file__).stat().st_mtime * 1e6)
_TIME_ERROR = 5
_TIMEX_BYTES = 512


class BoxClock:
    """Looks at the clock and remembers the floor in a file."""

    def __init__(self, floor_file: Path) -> None:
        self._floor_file = floor_file
        self._floor_us = read_floor(floor_file, BUILD_TIME_US)

    def assess(self) -> ClockAssessment:
        """Judge the clock now."""
        return assess(time.time_ns() // 1000, self._floor_us, synchronised=kernel_says_synchronised())

    def look(self) -> ClockAssessment:
        """Judge the clock now; a synchronised one raises the floor.

        Raises:
            OSError: the floor can't be written.
        """
        assessment = self.assess()
        if assessment.floor_us > self._floor_us:
            self._floor_us = raise_floor(self._floor_file, assessment.floor_us)
        return assessment

    def at_least(self) -> datetime:
        """What time it is at least, UTC: the later of the clock and its floor."""
        return datetime.fromtimestamp(max(time.time(), self._floor_us / 1e6), UTC)

    def signed(self, moment: datetime) -> None:
        """The centre has signed that this moment is past: the floor is at least there."""
        self._floor_us = raise_floor(self._floor_file, int(moment.timestamp() * 1e6))


def kernel_says_synchronised() -> bool:
    """Whether a time service steers the kernel's clock (adjtimex(2), whoever the service is)."""
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return state not in (-1, _TIME_ERROR)
