"""A window's signals on one grid, whatever rate each came at.

Features, sequences and baselines are all made from these means: a model trained on one-second means gives the same
answer on the 100 Hz signal that they are means of.
"""

from itertools import groupby

import numpy as np
import numpy.typing as npt

from edge_runtime.features.sequence import window_means
from edge_runtime.window import Window

# One a second in windows of a minute.
SAMPLES = 60

Float64Array = npt.NDArray[np.float64]


def resample(window: Window) -> Float64Array:
    """All signals of the window as means, float64 [S, SAMPLES], NaN where missing.

    Those on the same grid are done at once.
    """
    resampled = np.empty((len(window.channels), SAMPLES))

    def grid(number: int) -> tuple[int, int]:
        return window.channels[number].step_us, len(window.channels[number].values)

    for (step_us, _), numbers in groupby(sorted(range(len(window.channels)), key=grid), key=grid):
        rows = list(numbers)
        values = np.stack([window.channels[row].values for row in rows])
        resampled[rows] = window_means(values, step_us, window.length_us, SAMPLES)
    return resampled
