"""A window's signals on one grid, whatever rate each came at.

Features, sequences and baselines are all made from these means: a model trained on one-second means gives the same
answer on the 100 Hz signal that they are means of.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from edge_runtime.features.sequence import window_means

# One a second in windows of a minute.
SAMPLES = 60

Float64Array = npt.NDArray[np.float64]


def resample(signals: Sequence[tuple[int, npt.NDArray[np.float32]]], length_us: int) -> Float64Array:
    """Signals of a window as means, float64 [S, SAMPLES], NaN where missing.

    Args:
        signals: of each the step of its grid in microseconds, and its samples.
        length_us: of the window.
    """
    resampled = np.full((len(signals), SAMPLES), np.nan)
    with np.errstate(invalid="ignore"):  # infinities of both signs, which are missing as well
        for row, (step_us, values) in zip(resampled, signals, strict=True):
            each, rest = divmod(len(values), SAMPLES)
            if not rest and len(values) * step_us == length_us:
                values.reshape(SAMPLES, each).mean(axis=1, dtype=np.float64, out=row)
    _average_over_gaps(resampled, signals, length_us)
    return resampled


def _average_over_gaps(
    resampled: Float64Array, signals: Sequence[tuple[int, npt.NDArray[np.float32]]], length_us: int
) -> None:
    """Resample also those that have gaps, or samples that don't go into the grid; those alike at once."""

    def grid(number: int) -> tuple[int, int]:
        step_us, values = signals[number]
        return step_us, len(values)

    left = np.flatnonzero(~np.isfinite(resampled).all(axis=1)).tolist()
    for (step_us, _), numbers in groupby(sorted(left, key=grid), key=grid):
        rows = list(numbers)
        resampled[rows] = window_means(np.stack([signals[row][1] for row in rows]), step_us, length_us, SAMPLES)
