"""Readings of which some were thinned out, as the signal they stand for.

A second at rest is kept as its mean (reason THINNED), with its smallest and largest value beside it (reason
THINNED_EXTREME). As a signal it is the mean throughout, so that every mean over whole seconds is what it was.
"""

import numpy as np

from edge_runtime.quality import Reason, reason_of
from edge_runtime.reading import Series

THINNED_US = 1_000_000
"""What one thinned reading stands for: the second, counted since the epoch, that it lies in."""


def filled(series: Series) -> Series:
    """The mean of a thinned second at each time at which there would have been a reading; without the extremes.

    How close together these times are is told by the readings that are left whole. Where none are, a reading a second
    is the signal.
    """
    reasons = reason_of(series.statuses)
    mean, whole = reasons == Reason.THINNED, reasons < Reason.THINNED
    if not mean.any():
        return series
    means, rest = series.where(mean), series.where(whole)
    spacing_us = int(np.median(np.diff(rest.times_us))) if len(rest) > 1 else THINNED_US
    left_us = THINNED_US - means.times_us % THINNED_US
    counts = -(-left_us // max(1, min(spacing_us, THINNED_US)))
    row = np.repeat(np.arange(len(means)), counts)
    step = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Series.ordered(
        np.concatenate([means.times_us[row] + spacing_us * step, rest.times_us]),
        np.concatenate([means.values[row], rest.values]),
        np.concatenate([means.statuses[row], rest.statuses]),
    )
