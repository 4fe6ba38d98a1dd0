"""How long signals haven't moved: the one place that says when a sensor is stuck."""

from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from edge_runtime.reading import Float64Array, Int64Array

BoolArray = npt.NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)
MIN_SAMPLES = 10
"""Fewer samples tell nothing about whether a signal moves."""
GAP_SHARE = 4
"""A gap of more than a quarter of the time after which a signal counts as stuck hides whether it moved."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What some sensors gave in one batch of readings, an entry a sensor.

    `broken` says that the readings don't follow on the sensor's former ones, or each other, without a gap or a step
    back in time.
    """

    first_us: Int64Array
    last_us: Int64Array
    low: Float64Array
    high: Float64Array
    last: Float64Array
    counts: Int64Array
    broken: BoolArray


@dataclass(frozen=True, slots=True)
class Stillness:
    """The run of readings up to the newest over which each sensor has stayed within its tolerance.

    A run is followed batch by batch: where the signal moved within a batch it begins anew at the batch's last reading,
    which finds a signal that stands still at most one batch late and never calls one stuck that moved.

    Attributes:
        low: float64 [S], least value of the run.
        high: float64 [S], greatest.
        since_us: int64 [S], source time of its first reading.
        samples: int64 [S], how many readings it has; 0 for a sensor without any.
    """

    low: Float64Array
    high: Float64Array
    since_us: Int64Array
    samples: Int64Array

    @classmethod
    def unknown(cls, sensors: int) -> Self:
        """Nothing read yet."""
        return cls(np.zeros(sensors), np.zeros(sensors), np.zeros(sensors, np.int64), np.zeros(sensors, np.int64))

    def after(self, batch: Batch, tolerance: Float64Array) -> "Stillness":
        """The runs once these readings have come; a run of them all where its values span at most `tolerance`."""
        low = np.minimum(self.low, batch.low)
        high = np.maximum(self.high, batch.high)
        joined = (high - low <= tolerance) & (self.samples > 0) & ~batch.broken
        alone = (batch.high - batch.low <= tolerance) & ~batch.broken
        return Stillness(
            np.where(joined, low, np.where(alone, batch.low, batch.last)),
            np.where(joined, high, np.where(alone, batch.high, batch.last)),
            np.where(joined, self.since_us, np.where(alone, batch.first_us, batch.last_us)),
            np.where(joined, self.samples + batch.counts, np.where(alone, batch.counts, 1)),
        )

    def lasting(self, until_us: Int64Array, limit_us: Int64Array) -> BoolArray:
        """Which sensors haven't moved for `limit_us`, seen at `until_us`."""
        return (until_us - self.since_us >= limit_us) & (self.samples >= MIN_SAMPLES)

    def of(self, sensors: Int64Array) -> "Stillness":
        """Those of some sensors."""
        return Stillness(self.low[sensors], self.high[sensors], self.since_us[sensors], self.samples[sensors])

    def put(self, sensors: Int64Array, runs: "Stillness") -> "Stillness":
        """All, with these in place of what some sensors had."""
        return Stillness(
            placed(self.low, sensors, runs.low),
            placed(self.high, sensors, runs.high),
            placed(self.since_us, sensors, runs.since_us),
            placed(self.samples, sensors, runs.samples),
        )


def window_unmoved(values: npt.NDArray[np.float32], tolerance: float, length_us: int, limit_s: float) -> bool:
    """The same rule for a whole window of values without gaps, in hindsight: it is stuck from its first value on."""
    return len(values) >= MIN_SAMPLES and length_us >= limit_s * 1e6 and bool(np.ptp(values) <= tolerance)


def placed(array: npt.NDArray[Scalar], where: Int64Array, values: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """A copy with these values at those places."""
    changed = array.copy()
    changed[where] = values
    return changed
