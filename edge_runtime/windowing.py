"""Cut series into windows on event time.

A window is decided by source times alone. Each sensor is put on a regular grid of its own; a slot without a trustworthy
value is a gap (NaN), never a zero.
"""

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

from edge_runtime.machine import Machine, Sensor
from edge_runtime.quality import Quality, Reason, quality_of, reason_of
from edge_runtime.reading import Float64Array, Int64Array, Series
from edge_runtime.thinned import filled
from edge_runtime.timeline import STEP_US
from edge_runtime.window import ChannelWindow, Float32Array, Window

BoolArray = npt.NDArray[np.bool_]


# An hour: longer than any source holds readings back, shorter than any clock correction that matters.
STEP_BACK_US = 3_600_000_000


def cut_window(machine: Machine, series: Mapping[str, Series], start_us: int, end_us: int) -> Window:
    """All channels of `machine` over start_us <= t < end_us.

    Readings of BAD quality, non-finite ones and those outside the sensor's valid range become gaps. A sensor that
    `series` lacks, or that was silent, has no samples.
    """
    return Window(
        machine.name,
        start_us,
        end_us,
        tuple(
            _channel(sensor, series[sensor.name].between(start_us, end_us), start_us, end_us)
            if sensor.name in series
            else ChannelWindow(sensor.name, sensor.step_us, np.empty(0, np.float32))
            for sensor in machine.sensors
        ),
    )


def _channel(sensor: Sensor, series: Series, start_us: int, end_us: int) -> ChannelWindow:
    series = filled(series, end_us)
    step_us = _grid_step(sensor, series)
    if not len(series):
        return ChannelWindow(sensor.name, step_us, np.empty(0, np.float32))
    slots = -(-(end_us - start_us) // step_us)
    with np.errstate(invalid="ignore"):
        inside = (series.values >= sensor.valid_min) & (series.values <= sensor.valid_max)
    used = inside & (quality_of(series.statuses) != Quality.BAD)
    values = _to_grid((series.times_us - start_us) // step_us, series.values, used, slots)
    thinned = float(np.mean(reason_of(series.statuses) == Reason.THINNED))
    return ChannelWindow(sensor.name, step_us, values, _doubt(series, inside), thinned)


def _doubt(series: Series, inside: BoolArray) -> Reason:
    """The commonest reason for which readings aren't good; those of a recording have been judged by nobody yet."""
    quality = quality_of(series.statuses)
    if bool(inside.all()) and not quality.any():
        return Reason.NONE
    found = np.where(np.isfinite(series.values), np.where(inside, 0, Reason.OUT_OF_RANGE), Reason.NOT_A_NUMBER)
    reasons = np.where(quality == Quality.GOOD, found, reason_of(series.statuses))
    return Reason(int(np.bincount(reasons[(quality != Quality.GOOD) | ~inside]).argmax()))


def _grid_step(sensor: Sensor, series: Series) -> int:
    """The sensor's own step, times a whole number where the installation records it slower."""
    if len(series) < 2:
        return sensor.step_us
    spacing = float(np.median(np.diff(series.times_us)))
    return sensor.step_us * max(1, round(spacing / sensor.step_us))


def _to_grid(slot: Int64Array, values: Float64Array, good: BoolArray, slots: int) -> Float32Array:
    """Mean of the good readings of each slot, float32 [slots]; NaN where there is none and nothing to hold."""
    if len(slot) == slots and bool(good.all()) and bool(np.all(slot[1:] > slot[:-1])):
        return values.astype(np.float32)
    heard = np.bincount(slot, minlength=slots)
    used = np.bincount(slot[good], minlength=slots)
    total = np.bincount(slot[good], values[good], minlength=slots)
    grid = np.full(slots, np.nan)
    np.divide(total, used, out=grid, where=used > 0)
    # Sampling that jitters by less than a step leaves single slots empty: such a slot holds the value before it. Only
    # one does, a second empty slot is a gap, and so is a slot whose readings are all bad.
    held = np.flatnonzero((heard[1:] == 0) & (used[:-1] > 0)) + 1
    grid[held] = grid[held - 1]
    return grid.astype(np.float32)


def window_starts(first_us: int, last_us: int, length_us: int) -> range:
    """Starts of the windows that hold the times first_us … last_us, whole multiples of the length since the epoch."""
    return range(first_us - first_us % length_us, last_us + 1, length_us)


class WindowSchedule:
    """Says which windows can be closed, from the source times that were seen. Has no clock.

    A window that holds a reading is due once a source time at or past its end + lateness was seen; it stays due until
    it is done, so that one that could not be recorded is tried again. Windows without a reading never come up. Readings
    of a window that is done are too late for it.

    When all the readings seen together are older than the newest by more than STEP_BACK_US, the sources' clocks have
    been set back (or had run ahead): the schedule begins anew there. So it does after the box's own clock was set back,
    however little. What was open when that was set, is due at once: the rest of it has other times.

    Attributes:
        lateness_us: how much later than the newest reading another may still arrive.
    """

    def __init__(self, length_us: int, lateness_us: int, next_start_us: int | None = None) -> None:
        self._length_us = length_us
        self.lateness_us = lateness_us
        self._next_start_us = next_start_us
        self._newest_us: int | None = None
        self._open: set[int] = set()
        self._ended: set[int] = set()
        self._begin_anew = False

    def observe(self, source_times_us: Collection[int]) -> None:
        """Take note of readings with these source times, all that arrived together."""
        if not source_times_us:
            return
        newest = max(source_times_us)
        reached = max((time for time in (self._newest_us, self._next_start_us) if time is not None), default=newest)
        if self._begin_anew or newest < reached - STEP_BACK_US:
            self._next_start_us = None
            self._newest_us = newest
            self._begin_anew = False
        self._newest_us = max(newest, self._newest_us or newest)
        floor = self._next_start_us
        starts = {time - time % self._length_us for time in source_times_us}
        self._open.update(start for start in starts if floor is None or start >= floor)

    def due(self) -> list[int]:
        """Starts of the windows that can be closed now, oldest first, until `done` is said of them."""
        if self._newest_us is None:
            return []
        last_us = self._newest_us - self.lateness_us - self._length_us
        return sorted(start for start in self._open if start <= last_us or start in self._ended)

    @property
    def ending(self) -> bool:
        """Whether windows are due only because the clock was set."""
        return bool(self._ended)

    def clock_set(self, shift_us: int) -> None:
        """The box's clock, which may have stamped readings, was set by so much after what was observed."""
        if abs(shift_us) >= STEP_US:
            self._ended |= self._open
            self._begin_anew = shift_us < 0

    def done(self, start_us: int) -> None:
        """The window from `start_us` is closed, and with it every earlier one."""
        self._next_start_us = max(start_us + self._length_us, self._next_start_us or 0)
        self._open = {start for start in self._open if start >= self._next_start_us}
        self._ended &= self._open
