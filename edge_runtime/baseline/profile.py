"""What a baseline knows of a window: each signal's mean, and its course in twenty parts.

Where work cycles and windows go together the course is what a fault changes first: a slow valve, a soft accumulator.
Where they don't, every part varies as much as the signal does, and says little more than the mean.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.features.sequence import window_means
from edge_runtime.resampling import SAMPLES
from edge_runtime.window import Window

PARTS = 20
STATISTICS = 1 + PARTS
"""The mean, then the means of the parts in their order."""

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WindowProfile:
    """A window, as far as baselines go.

    Attributes:
        start_us, end_us: of the window.
        values: float64 [S, STATISTICS], canonical units, NaN where missing. The mean is that of the parts there are.
    """

    start_us: int
    end_us: int
    values: Float64Array

    @property
    def length_us(self) -> int:
        """Of the window."""
        return self.end_us - self.start_us

    @property
    def means(self) -> Float64Array:
        """Window means, float64 [S]."""
        return self.values[:, 0]


def profile(window: Window) -> WindowProfile:
    """The profile of a window whose stuck sensors were turned into gaps (`check_sensors`)."""
    length_us = window.length_us
    parts = window_means(window.resampled, length_us / SAMPLES, length_us, PARTS)
    return WindowProfile(window.start_us, window.end_us, np.column_stack([mean_of_known(parts), parts]))


def mean_of_known(values: Float64Array) -> Float64Array:
    """Mean of each row over what isn't missing, float64 [S]; NaN in a row where all is."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    mean = np.full(len(values), np.nan)
    np.divide(np.where(known, values, 0.0).sum(axis=1), count, out=mean, where=count > 0)
    return mean
