"""Readings of which some were thinned out, as the signal they stand for.

A second at rest is kept as its mean (reason THINNED), with its smallest and largest value beside it (reason
THINNED_EXTREME). As a signal it is the mean throughout, so that every mean over whole seconds is what it was.
"""

import numpy as np

from edge_runtime.quality import Reason, reason_of
from edge_runtime.reading import Series

THINNED_US = 1_000_000
"""What one thinned reading stands for, from its time on: a second, or less where the next reading comes sooner."""


def filled(series: Series, end_us: int | None = None) -> Series:
    """The mean of a thinned second at each time at which there would have been a reading; without the extremes.

    How close together these times are is told by the readings that are left whole. Where none are, a reading a second
    is the signal. Nothing is filled in from `end_us` on.
    """
    reasons = reason_of(series.statuses)
    mean, whole = reasons == Reason.THINNED, reasons < Reason.THINNED
    if not mean.any():
        return series
    means, rest = series.where(mean), series.where(whole)
    spacing_us = int(np.median(np.diff(rest.times_us))) if len(rest) > 1 else THINNED_US
    spacing_us = max(1, min(spacing_us, THINNED_US))
    kept_us = series.times_us[mean | whole]
    # Not to the end of the second by the clock: the readings may have been stamped anew since they were thinned.
    next_us = np.append(kept_us[1:], kept_us[-1] + THINNED_US)[mean[mean | whole]]
    length_us = np.minimum(next_us - means.times_us, THINNED_US)
    if end_us is not None:
        length_us = np.minimum(length_us, end_us - means.times_us)
    counts = np.maximum(1, np.rint(length_us / spacing_us).astype(np.int64))
    row = np.repeat(np.arange(len(means)), counts)
    step = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Series.ordered(
        np.concatenate([means.times_us[row] + spacing_us * step, rest.times_us]),
        np.concatenate([means.values[row], rest.values]),
        np.concatenate([means.statuses[row], rest.statuses]),
    )
