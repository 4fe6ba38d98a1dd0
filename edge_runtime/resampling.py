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
    """Signals of a window as means, float64 [S, SAMPLES], NaN where missing. Those on the same grid are done at once.

    Args:
        signals: of each the step of its grid in microseconds, and its samples.
        length_us: of the window.
    """
    resampled = np.empty((len(signals), SAMPLES))

    def grid(number: int) -> tuple[int, int]:
        step_us, values = signals[number]
        return step_us, len(values)

    for (step_us, _), numbers in groupby(sorted(range(len(signals)), key=grid), key=grid):
        rows = list(numbers)
        resampled[rows] = window_means(np.stack([signals[row][1] for row in rows]), step_us, length_us, SAMPLES)
    return resampled
