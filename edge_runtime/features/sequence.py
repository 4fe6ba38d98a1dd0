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
    present = np.isfinite(values)
    # Integrals from the window's start to each grid point, then to each part's edge: linear between grid points.
    integral = _cumulative(np.where(present, values, 0.0))
    covered = _cumulative(present.astype(np.float64))
    edges = np.minimum(np.arange(count + 1) * (length_us / (count * step_us)), samples)
    left = np.minimum(edges.astype(np.int64), samples - 1)
    fraction = edges - left
    area = np.diff(_between(integral, left, fraction), axis=1)
    time = np.diff(_between(covered, left, fraction), axis=1)
    needed = MIN_COVERAGE * length_us / (count * step_us)
    means = np.full((signals, count), np.nan)
    # A rounding error must not lose a part that is covered exactly as far as needed.
    np.divide(area, time, out=means, where=time >= needed * (1 - 1e-9))
    return means


def _cumulative(values: Float64Array) -> Float64Array:
    sums = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def _between(sums: Float64Array, left: npt.NDArray[np.int64], fraction: Float64Array) -> Float64Array:
    return sums[:, left] + fraction * (sums[:, left + 1] - sums[:, left])
