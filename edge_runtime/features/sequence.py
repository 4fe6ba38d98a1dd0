"""Feature set `sequence-64`: a window as 64 tokens, means over equal parts of it, whatever rate it was sampled at.

Token k of T is the mean of the signal over [start + k·L/T, start + (k+1)·L/T), where each sample holds for one grid
step.
"""

import numpy as np
import numpy.typing as npt

from edge_runtime.features.spec import FeatureSpec

TOKENS = 64
SEQUENCE = FeatureSpec("sequence-64", 1, tuple(f"token_{k}" for k in range(TOKENS)))

# A part that is covered by values for less than this share of its time is missing.
MIN_COVERAGE = 0.5

Float64Array = npt.NDArray[np.float64]


def window_means(values: npt.NDArray[np.floating], step_us: float, length_us: float, count: int) -> Float64Array:
    """Means over `count` equal parts of a window.

    Args:
        values: [S, n] samples of S signals on one grid, NaN where missing; sample i holds over [i·step, (i+1)·step).
        step_us: the grid's step.
        length_us: L, the window's length; samples beyond it are not used.
        count: T.

    Returns:
        float64 [S, T]; NaN where less than `MIN_COVERAGE` of a part is covered by values.
    """
    signals, samples = values.shape
    if samples == 0:
        return np.full((signals, count), np.nan)
    present = np.abs(values) <= np.finfo(np.float32).max
    edges = np.minimum(np.arange(count + 1) * (length_us / (count * step_us)), samples)
    area = _integrals(np.where(present, values, 0.0).astype(np.float64, copy=False), edges)
    time = np.diff(edges) if present.all() else _integrals(present.astype(np.float64), edges)
    needed = MIN_COVERAGE * length_us / (count * step_us)
    means = np.full((signals, count), np.nan)
    # A rounding error must not lose a part that is covered exactly as far as needed.
    np.divide(area, time, out=means, where=time >= needed * (1 - 1e-9))
    return means


def _integrals(values: Float64Array, edges: Float64Array) -> Float64Array:
    """Integrals of held samples from edge to edge, [S, len(edges) − 1]; sample i holds over [i, i + 1).

    Each is a sum of its own samples. Differences of running sums would carry the rounding errors of one part, such as
    that of a spike, into all later ones.
    """
    first = np.minimum(edges.astype(np.int64), values.shape[1] - 1)
    into = edges - first
    left, right = first[:-1], first[1:]
    inner = left + 1 < right
    between = np.zeros((values.shape[0], len(left)))
    if inner.any():
        bounds = np.column_stack([left[inner] + 1, right[inner]]).ravel()
        between[:, inner] = np.add.reduceat(values, bounds, axis=1)[:, ::2]
    whole = values[:, left] * (1 - into[:-1]) + between + values[:, right] * into[1:]
    integrals: Float64Array = np.where(left == right, values[:, left] * (into[1:] - into[:-1]), whole)
    return integrals
