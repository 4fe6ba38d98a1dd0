"""When to poll: on a fixed grid of time, so that the phase never drifts and late polls never bunch."""

import math


class PollSchedule:
    """Due times start, start + period, start + 2 · period, … of a monotonic clock, seconds."""

    def __init__(self, period_s: float, start_s: float) -> None:
        self._period_s = period_s
        self._start_s = start_s
        self._tick = 0

    @property
    def due_s(self) -> float:
        """When the next poll is due."""
        return self._start_s + self._tick * self._period_s

    def polled(self, now_s: float) -> int:
        """The due poll is done: move on to the first grid point that isn't past. Returns how many were left out."""
        next_tick = max(self._tick + 1, math.ceil((now_s - self._start_s) / self._period_s))
        left_out = next_tick - self._tick - 1
        self._tick = next_tick
        return left_out

    def put_off(self, until_s: float) -> None:
        """Move on to the first grid point that isn't before `until_s`; nothing is counted as left out."""
        self._tick = max(self._tick, math.ceil((until_s - self._start_s) / self._period_s))
