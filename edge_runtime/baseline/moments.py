"""Centre and spread of healthy values: robust within a batch, and merged exactly from batch to batch.

A batch gives its median and 1.4826 · MAD, the spread of a normal distribution with that median absolute deviation
(Rousseeuw and Croux 1993, J. Am. Stat. Assoc. 88:1273), so that up to half of its windows may be odd without moving
it. Two batches are merged as two sets of that mean and variance (Chan, Golub and LeVeque 1979), in any order.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MAD_TO_SPREAD = 1.4826

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Of several signals.

    Attributes:
        count: int64 [S], windows that counted.
        centre: float64 [S, n]; 0 where the count is 0.
        spread: float64 [S, n].
    """

    count: Int64Array
    centre: Float64Array
    spread: Float64Array

    @classmethod
    def of(cls, values: Float64Array) -> "Moments":
        """Of a batch, [windows, S, n]. A window in which a signal has a gap (NaN) doesn't count for that signal."""
        _, signals, statistics = values.shape
        whole = np.logical_and.reduce(np.isfinite(values), axis=2)
        centre, spread = np.zeros((signals, statistics)), np.zeros((signals, statistics))
        for signal in np.flatnonzero(whole.any(axis=0)):
            known = values[whole[:, signal], signal]
            centre[signal] = np.median(known, axis=0)
            spread[signal] = MAD_TO_SPREAD * np.median(np.abs(known - centre[signal]), axis=0)
        return cls(whole.sum(axis=0).astype(np.int64), centre, spread)

    def merged(self, other: "Moments") -> "Moments":
        """Of both together."""
        count = self.count + other.count
        total = np.maximum(count, 1)[:, None]
        mine, theirs = self.count[:, None] / total, other.count[:, None] / total
        apart = other.centre - self.centre
        variance = mine * self.spread**2 + theirs * other.spread**2 + mine * theirs * apart**2
        return Moments(count, mine * self.centre + theirs * other.centre, np.sqrt(variance))
