"""Cut series into windows on event time.

A window is decided by source times alone. Each sensor is put on a regular grid of its own; a slot without a trustworthy
value is a gap (NaN), never a zero.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edge_runtime.machine import Machine, Sensor
from edge_runtime.reading import Float64Array, Int64Array, Quality, Series
from edge_runtime.window import ChannelWindow, Float32Array, Window

BoolArray = npt.NDArray[np.bool_]

# A slot that got no reading takes the one before it, once: sampling that jitters by less than a step leaves single
# slots empty. Two empty slots in a row are a gap. A reading that was bad is a gap at once.
HOLD_SLOTS = 1


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
    step_us = _grid_step(sensor, series)
    if not len(series):
        return ChannelWindow(sensor.name, step_us, np.empty(0, np.float32))
    slots = -(-(end_us - start_us) // step_us)
    with np.errstate(invalid="ignore"):
        good = (
            (series.quality != Quality.BAD) & (series.values >= sensor.valid_min) & (series.values <= sensor.valid_max)
        )
    slot = (series.times_us - start_us) // step_us
    return ChannelWindow(sensor.name, step_us, _to_grid(slot, series.values, good, slots))


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
    for _ in range(HOLD_SLOTS):
        held = np.flatnonzero((heard[1:] == 0) & (used[:-1] > 0)) + 1
        grid[held] = grid[held - 1]
    return grid.astype(np.float32)


def window_starts(first_us: int, last_us: int, length_us: int) -> range:
    """Starts of the windows that hold the times first_us … last_us, whole multiples of the length since the epoch."""
    return range(first_us - first_us % length_us, last_us + 1, length_us)


class WindowSchedule:
    """Says which windows can be closed, from the source times that were seen. Has no clock.

    A window is due once a source time at or past its end + lateness was seen: readings that come later than that are
    too late for it. Windows start at `next_start_us`, or with the first reading seen, and stay due until they are done:
    one that could not be recorded is tried again.
    """

    def __init__(self, length_us: int, lateness_us: int, next_start_us: int | None = None) -> None:
        self._length_us = length_us
        self._lateness_us = lateness_us
        self._next_start_us = next_start_us
        self._newest_us: int | None = None
        self._open: set[int] = set()

    def observe(self, newest_source_time_us: int, oldest_source_time_us: int | None = None) -> None:
        """Take note of readings up to `newest_source_time_us`.

        With `oldest_source_time_us` they lie between the two, and the empty windows of the silence before are jumped
        over. Without it they may lie anywhere after what was seen before. What is seen first may lie anywhere after
        `next_start_us`, if that was given: readings may have been stored before this schedule was made.
        """
        if self._newest_us is not None:
            earliest_us = self._newest_us if oldest_source_time_us is None else oldest_source_time_us
            self._newest_us = max(newest_source_time_us, self._newest_us)
        else:
            earliest_us = newest_source_time_us if oldest_source_time_us is None else oldest_source_time_us
            earliest_us = earliest_us if self._next_start_us is None else self._next_start_us
            self._newest_us = newest_source_time_us
        starts = window_starts(earliest_us, newest_source_time_us, self._length_us)
        if self._next_start_us is None:
            self._next_start_us = starts[0]
        self._open.update(start for start in starts if start >= self._next_start_us)

    def due(self) -> list[int]:
        """Starts of the windows that can be closed now, oldest first, until `done` is said of them."""
        if self._newest_us is None:
            return []
        last_us = self._newest_us - self._lateness_us - self._length_us
        return sorted(start for start in self._open if start <= last_us)

    def done(self, start_us: int) -> None:
        """The window from `start_us` is closed, and with it every earlier one."""
        self._next_start_us = max(start_us + self._length_us, self._next_start_us or 0)
        self._open = {start for start in self._open if start >= self._next_start_us}
