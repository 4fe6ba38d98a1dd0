"""How well each sensor is: counts of its readings by reason, and a state that doesn't flicker.

A sensor is unwell while most of its readings of the last seconds weren't good, and well again only once nearly all of
them are; it is silent when nothing has come from it for far longer than is usual. Pure: the time is an argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.machine import Machine, Sensor
from edge_runtime.quality import Quality, Reason, quality_of, reason_of
from edge_runtime.quality_check import Readings
from edge_runtime.reading import Float64Array, Int64Array

MEMORY_S = 10.0
"""Readings so long ago count 1/e of what the newest count."""
UNWELL_SHARE = 0.5
WELL_SHARE = 0.1
SILENT_PERIODS = 10
"""So many times the sensor's usual spacing without a reading is silence."""
SILENT_AT_LEAST_S = 10.0

GOOD = "good"
SILENT = "silent"

# Of a clock that is wrong and of thinning the sensor knows nothing.
_NOT_THE_SENSORS = [Reason.NONE, Reason.CLOCK, Reason.THINNED, Reason.THINNED_EXTREME]


@dataclass(frozen=True, slots=True)
class SensorHealth:
    """How one sensor is.

    Attributes:
        sensor: name in the machine file.
        reason: why most of its readings weren't good of late; NONE when they were.
        silent: nothing has come from it for far longer than usual.
        message: what is wrong, for a person; empty when nothing is.
        counts: its readings since start that weren't good, by reason.
    """

    sensor: str
    reason: Reason
    silent: bool
    message: str
    counts: Mapping[Reason, int]

    @property
    def well(self) -> bool:
        """Nothing is wrong with it."""
        return not self.silent and self.reason is Reason.NONE

    @property
    def state(self) -> str:
        """In a word or two: GOOD, SILENT, or the reason's words."""
        return SILENT if self.silent else self.reason.words if self.reason else GOOD


class SensorWatch:
    """Follows the sensors of one machine from when it is made.

    Args:
        machine: whose sensors.
        now_s: seconds of a steady clock, as for the other methods.
    """

    def __init__(self, machine: Machine, now_s: float) -> None:
        self._sensors = machine.sensors
        self._index = machine.sensor_index
        count = len(self._sensors)
        self._counts: Int64Array = np.zeros((count, len(Reason)), np.int64)
        self._shares: Float64Array = np.zeros((count, len(Reason)))
        self._heard_s: Float64Array = np.full(count, now_s)
        self._spacing_s: Float64Array = np.array([sensor.step_us / 1e6 for sensor in self._sensors])
        self._reasons: npt.NDArray[np.int64] = np.zeros(count, np.int64)

    def observe(self, readings: Readings, now_s: float) -> None:
        """Take note of readings that were judged and stored."""
        sensor = np.array([self._index[name] for name in readings.sensors], np.int64)
        elapsed_s = np.maximum(now_s - self._heard_s[sensor], 1e-3)
        weight = 1 - np.exp(-np.maximum(elapsed_s, self._spacing_s[sensor]) / MEMORY_S)
        self._heard_s[sensor] = now_s
        self._spacing_s[sensor] += 0.2 * (elapsed_s / readings.counts - self._spacing_s[sensor])

        kinds = len(Reason)
        group = np.repeat(np.arange(len(sensor)), readings.counts)
        lowered = quality_of(readings.statuses) != Quality.GOOD
        if lowered.any():
            cell = group[lowered] * kinds + reason_of(readings.statuses[lowered])
            lows = np.bincount(cell, minlength=len(sensor) * kinds).reshape(-1, kinds)
            self._counts[sensor] += lows
        else:
            lows = np.zeros((len(sensor), kinds), np.int64)
        self._shares[sensor] += weight[:, None] * (lows / readings.counts[:, None] - self._shares[sensor])
        self._judge(sensor)

    def _judge(self, sensor: Int64Array) -> None:
        shares = self._shares[sensor].copy()
        shares[:, _NOT_THE_SENSORS] = 0.0
        total = shares.sum(axis=1)
        before = self._reasons[sensor]
        self._reasons[sensor] = np.where(
            before == Reason.NONE,
            np.where(total > UNWELL_SHARE, shares.argmax(axis=1), Reason.NONE),
            np.where(total < WELL_SHARE, Reason.NONE, before),
        )

    def health(self, now_s: float, doubts: Mapping[str, str]) -> tuple[SensorHealth, ...]:
        """Every sensor's health, in the machine's order. `doubts` says of implausible sensors what they contradict."""
        limit_s = np.maximum(SILENT_AT_LEAST_S, SILENT_PERIODS * self._spacing_s)
        silent = now_s - self._heard_s > limit_s
        return tuple(
            SensorHealth(
                sensor.name,
                reason := Reason(int(self._reasons[number])),
                bool(silent[number]),
                _message(sensor, reason, bool(silent[number]), doubts.get(sensor.name, "")),
                {Reason(int(k)): int(self._counts[number, k]) for k in np.flatnonzero(self._counts[number])},
            )
            for number, sensor in enumerate(self._sensors)
        )


def _message(sensor: Sensor, reason: Reason, silent: bool, doubt: str) -> str:
    if silent:
        return "no readings come"
    if reason is Reason.NONE:
        return ""
    return {
        Reason.NOT_A_NUMBER: "the source gives no numbers",
        Reason.DEVICE_FAULT: "the device reports a fault in place of a value",
        Reason.OUT_OF_RANGE: f"is outside {sensor.valid_min:g} … {sensor.valid_max:g} {sensor.unit}",
        Reason.JUMP: f"jumps by more than {sensor.max_change_per_s or 0:g} {sensor.unit} a second",
        Reason.STUCK: f"moves by no more than {sensor.stuck_below or 0:g} {sensor.unit} in {sensor.stuck_after_s:g} s",
        Reason.FLAT_LINED: f"rests exactly at {' or '.join(f'{end:g}' for end in sensor.ends)} {sensor.unit}",
        Reason.STALE: "the source repeats an old reading",
        Reason.IMPLAUSIBLE: doubt or "contradicts the sensors that it is connected with",
    }.get(reason, reason.words)
