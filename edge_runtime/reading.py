"""A reading, and many readings of one sensor as a series.

Times are integer microseconds since 1970-01-01T00:00:00Z. A source time that the source gave is never altered; one
that the box stamped on arrival, where the source gave none, is put right once the box's clock is known. Their numbers
order the readings of one boot whatever the clock does.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_runtime.quality import Quality, Reason, UInt8Array, status

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one sensor, in the sensor's canonical unit.

    Attributes:
        sensor: name in the machine file.
        value: in the canonical unit; NaN where the source gave none.
        quality: GOOD, UNCERTAIN or BAD.
        source_time_us: when it was measured, by the source's clock, or by arrival where the source has none.
        received_time_us: when it reached the box, by the box's clock.
        reason: why the quality is what it is.
    """

    sensor: str
    value: float
    quality: Quality
    source_time_us: int
    received_time_us: int
    reason: Reason = Reason.NONE

    @property
    def status(self) -> int:
        """Quality and reason as one byte."""
        return status(self.quality, self.reason)


@dataclass(frozen=True, slots=True)
class Series:
    """Readings of one sensor in order of source time.

    Attributes:
        times_us: int64 [n], strictly increasing.
        values: float64 [n], canonical unit, NaN where missing.
        statuses: uint8 [n], quality and reason of each (see edge_runtime.quality).
    """

    times_us: Int64Array
    values: Float64Array
    statuses: UInt8Array

    @classmethod
    def ordered(cls, times_us: Int64Array, values: Float64Array, statuses: UInt8Array | None = None) -> Self:
        """Sort by time and keep the last of equal times. `statuses` default to GOOD throughout."""
        if statuses is None:
            statuses = np.zeros(len(times_us), np.uint8)
        if len(times_us) > 1 and not bool(np.all(times_us[1:] > times_us[:-1])):
            order = np.argsort(times_us, kind="stable")
            times_us, values, statuses = times_us[order], values[order], statuses[order]
            last = np.append(times_us[1:] != times_us[:-1], True)
            times_us, values, statuses = times_us[last], values[last], statuses[last]
        return cls(times_us, values, statuses)

    def between(self, start_us: int, end_us: int) -> "Series":
        """The part with start_us <= time < end_us (views, not copies)."""
        low, high = np.searchsorted(self.times_us, [start_us, end_us])
        return Series(self.times_us[low:high], self.values[low:high], self.statuses[low:high])

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Series":
        """Only the readings that are chosen, a bool each."""
        return Series(self.times_us[chosen], self.values[chosen], self.statuses[chosen])

    def __len__(self) -> int:
        return len(self.times_us)
