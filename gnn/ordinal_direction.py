"""Fisher's discriminant for levels in order, from sums alone: one direction, found in closed form.

With S the pooled covariance within levels, c the covariance of a cycle x with its level's number, and u_l the mean of u
over level l,

    u = cᵀ S⁻¹ x,     score_l = u_l u − ½ u_l²,     S ← (1 − λ) S + λ tr(S)/d I

(R. A. Fisher, Annals of Eugenics 7, 1936). A direction for each level has more freedom than a few dozen states can pin
down: on the rig's accumulator, with a block left out, it gets macro-F1 .90 where the one direction gets .97.

A cycle is looked at as it is and less its own mean, both scaled to unit spread; d counts both. As both are linear in
it, that is the same as one view in another metric, x̃ = M^½ x with M = D⁻² + P D̄⁻² P for spreads D and D̄ of the two
and P that takes off the mean: half the size. Everything needed of windows is their sums by level. Those of a group
subtract, and those of some signals are a block of them, so leaving out either costs a solve and no pass over the
windows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from edge_runtime.graph import Int64Array

TYPICAL_MARGIN = 6.0
"""Scores are scaled so that at its own mean the median level leads by this much: the calibration does the rest."""

_VIEWS = 2
_SMALLEST_SPREAD = 1e-9

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LevelSums:
    """Sums over windows: products [d, d], and by level total [L, d] and count [L]."""

    products: Float64Array
    total: Float64Array
    count: Float64Array

    @classmethod
    def of(cls, windows: Float64Array, level: Int64Array, levels: int) -> "LevelSums":
        """Of windows [n, d] whose levels [n] are numbers below `levels`."""
        member = np.equal.outer(np.arange(levels), level).astype(np.float64)
        return cls(windows.T @ windows, member @ windows, member.sum(1))

    def __sub__(self, other: "LevelSums") -> "LevelSums":
        return LevelSums(self.products - other.products, self.total - other.total, self.count - other.count)

    def block(self, columns: Int64Array) -> "LevelSums":
        """Those of some columns alone."""
        return LevelSums(self.products[np.ix_(columns, columns)], self.total[:, columns], self.count)


@dataclass(frozen=True, slots=True)
class OrdinalDirection:
    """A fitted discriminant: weight [d], and by level slope and bias [L]; −inf bias for levels never seen."""

    weight: Float64Array
    slope: Float64Array
    bias: Float64Array

    def scores(self, windows: Float64Array) -> Float64Array:
        """Scores [n, L] of windows [n, d]."""
        scores: Float64Array = np.multiply.outer(windows @ self.weight, self.slope) + self.bias
        return scores


def fit_direction(sums: LevelSums, shrinkage: float) -> OrdinalDirection:
    """The direction that tells the levels apart.

    Args:
        sums: of windows in the metric of both views, of at least two levels.
        shrinkage: λ.
    """
    seen = np.flatnonzero(sums.count)
    count, windows = sums.count[seen, None], sums.count.sum()
    mean, centre = sums.total[seen] / count, sums.total.sum(0) / windows
    within = (sums.products - (mean * count).T @ mean) / windows
    ridge = shrinkage * np.trace(within) / (_VIEWS * len(within))
    number = seen - float((count[:, 0] * seen).sum() / windows)
    covariance = (count[:, 0] * number) @ mean / windows
    regular = (1 - shrinkage) * within
    regular[np.diag_indices_from(regular)] += max(ridge, np.finfo(np.float64).tiny)
    weight = cho_solve(cho_factor(regular, overwrite_a=True, check_finite=False), covariance, check_finite=False)
    of_level = (mean - centre) @ weight
    lead = float(np.median(0.5 * np.diff(of_level) ** 2))
    scale = TYPICAL_MARGIN / lead if lead > 0 else 0.0
    slope, bias = np.zeros(len(sums.count)), np.full(len(sums.count), -np.inf)
    slope[seen] = scale * of_level
    bias[seen] = -scale * of_level * (centre @ weight) - 0.5 * scale * of_level**2
    return OrdinalDirection(weight, slope, bias)


def both_views(cycle: Float64Array) -> Float64Array:
    """The metric in which ridge treats cycle and cycle less its own mean alike, M^½ [C, T, T], for cycles [n, C, T]."""
    tokens = cycle.shape[2]
    off_mean = np.eye(tokens) - 1 / tokens
    metric = np.empty((cycle.shape[1], tokens, tokens))
    for channel in range(cycle.shape[1]):
        own = cycle[:, channel]
        less_mean = _precision(own - own.mean(1, keepdims=True))
        matrix = np.diag(_precision(own)) + off_mean @ (less_mean[:, None] * off_mean)
        value, vector = np.linalg.eigh(matrix)
        metric[channel] = (vector * np.sqrt(np.maximum(value, 0))) @ vector.T
    return metric


def in_metric(cycle: Float64Array, metric: Float64Array) -> Float64Array:
    """Cycles [n, C, T] in a metric [C, T, T], joined: [n, C · T]."""
    joined: Float64Array = np.einsum("nct,cts->ncs", cycle, metric, optimize=True).reshape(len(cycle), -1)
    return joined


def _precision(values: Float64Array) -> Float64Array:
    spread = values.std(0)
    return np.where(spread > _SMALLEST_SPREAD, 1 / np.maximum(spread, _SMALLEST_SPREAD) ** 2, 0.0)
