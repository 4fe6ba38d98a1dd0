"""Any number of samples as a plot's few points, in memory that doesn't depend on their number. Pure.

While the samples are few they are kept. Beyond that each falls into one of a fixed number of buckets of time, which
keep smallest, largest and mean: MinMaxLTTB (J. Van Der Donckt et al., "MinMaxLTTB: Leveraging MinMax-Preselection to
Scale LTTB", IEEE VIS 2023) with buckets of equal time, whose extremes LTTB (S. Steinarsson, "Downsampling Time Series
for Visual Representation", 2013) then chooses from.

A time that no value stands for is a gap, and comes out as one NaN between the values around it, if it is at least as
long as a bucket; all gaps do while the samples are few.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from tsdownsample import LTTBDownsampler

from edge_runtime.reading import Float64Array, Int64Array

BUCKETS_A_POINT = 4
"""Candidates are twice as many, smallest and largest of each: the paper's preselection ratio of 4 and some to spare."""

BoolArray = npt.NDArray[np.bool_]

_LTTB = LTTBDownsampler()  # type: ignore[no-untyped-call]  # its constructor has no annotations


class Method(StrEnum):
    """How points are chosen."""

    LTTB = "lttb"
    """Those that draw the same picture."""
    MINMAX = "minmax"
    """Smallest and largest of equal times: no peak is missed."""
    MEAN = "mean"
    """Means of equal times, at the start of each."""
    RAW = "raw"
    """All samples; an answer only, where they are few enough."""


@dataclass(frozen=True, slots=True)
class Plot:
    """Points in order of time; a NaN is a gap between its neighbours."""

    times_us: Int64Array
    values: Float64Array


@dataclass(frozen=True, slots=True)
class Candidates:
    """Points to choose from, in order of time; `gap_after[i]`: a gap lies between point i and the next."""

    times_us: Int64Array
    values: Float64Array
    gap_after: BoolArray

    def chosen(self, index: Int64Array) -> Plot:
        """Those points, and a NaN where a gap lies between two of them."""
        gaps_before = np.concatenate([[0], np.cumsum(self.gap_after)])[index]
        broken = np.flatnonzero(np.diff(gaps_before)) + 1
        times_us, values = self.times_us[index], self.values[index]
        at = times_us[broken - 1] + (times_us[broken] - times_us[broken - 1]) // 2
        return Plot(np.insert(times_us, broken, at), np.insert(values, broken, np.nan))


class Reduction:
    """Takes samples in order of time and gives the plot of start_us <= t < end_us.

    Attributes:
        samples: how many it was given within these times, gaps included.
        bucket_us: length of a bucket.
    """

    def __init__(self, start_us: int, end_us: int, points: int, method: Method) -> None:
        self.samples = 0
        self._start_us, self._end_us = start_us, end_us
        self._points, self._method = points, method
        wanted = {Method.LTTB: points * BUCKETS_A_POINT, Method.MINMAX: points // 2}.get(method, points)
        self.bucket_us = max(1, -(-(end_us - start_us) // wanted))
        self._buckets = _Buckets(start_us, self.bucket_us, -(-(end_us - start_us) // self.bucket_us))
        self._few: list[tuple[Int64Array, Int64Array, Float64Array]] | None = []

    def add(self, times_us: Int64Array, steps_us: Int64Array, values: Float64Array) -> None:
        """Samples that follow; sample k stands for [times_us[k], times_us[k] + steps_us[k])."""
        inside = (times_us >= self._start_us) & (times_us < self._end_us)
        samples = times_us[inside], steps_us[inside], values[inside]
        self.samples += len(samples[0])
        if self._few is not None:
            self._few.append(samples)
            if self.samples > self._points * BUCKETS_A_POINT:
                for held in self._few:
                    self._buckets.add(*held)
                self._few = None
        else:
            self._buckets.add(*samples)

    def plot(self) -> tuple[Plot, Method]:
        """The points, and how they were chosen: RAW where they are all there are."""
        if self._few is None:
            if self._method is Method.MEAN:
                return self._buckets.means(), Method.MEAN
            candidates = self._buckets.extremes()
        else:
            candidates = _in_order(self._few)
            if len(candidates.times_us) <= self._points:
                return candidates.chosen(np.arange(len(candidates.times_us))), Method.RAW
            if self._method is not Method.LTTB:
                for held in self._few:
                    self._buckets.add(*held)
                self._few = None
                return self.plot()
        return candidates.chosen(self._select(candidates)), self._method

    def _select(self, candidates: Candidates) -> Int64Array:
        if self._method is Method.MINMAX or len(candidates.times_us) <= self._points:
            return np.arange(len(candidates.times_us))
        index = _LTTB.downsample(candidates.times_us, candidates.values, n_out=self._points)
        return np.asarray(index, np.int64)


class _Buckets:
    """Equal times, each with smallest, largest and mean of its samples and whether a value stands for any of it."""

    def __init__(self, start_us: int, width_us: int, count: int) -> None:
        self._start_us, self._width_us, self._count = start_us, width_us, count
        self._low, self._high = np.full(count, np.inf), np.full(count, -np.inf)
        self._low_us, self._high_us = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._sum, self._held = np.zeros(count), np.zeros(count, np.int64)
        self._cover = np.zeros(count + 1, np.int64)

    def add(self, times_us: Int64Array, steps_us: Int64Array, values: Float64Array) -> None:
        finite = np.isfinite(values)
        times_us, steps_us, values = times_us[finite], steps_us[finite], values[finite]
        if not len(values):
            return
        order = np.argsort(times_us, kind="stable")
        times_us, steps_us, values = times_us[order], steps_us[order], values[order]
        bucket = (times_us - self._start_us) // self._width_us
        last = (times_us + steps_us - 1 - self._start_us) // self._width_us
        self._cover += np.bincount(bucket, minlength=self._count + 1)
        self._cover -= np.bincount(np.minimum(last, self._count - 1) + 1, minlength=self._count + 1)

        starts = np.concatenate([[0], np.flatnonzero(np.diff(bucket)) + 1])
        touched = bucket[starts]
        self._sum[touched] += np.add.reduceat(values, starts)
        self._held[touched] += np.diff(np.append(starts, len(values)))
        lengths = np.diff(np.append(starts, len(values)))
        for extreme, best, best_us, better in (
            (np.minimum, self._low, self._low_us, np.less),
            (np.maximum, self._high, self._high_us, np.greater),
        ):
            found = extreme.reduceat(values, starts)
            places = np.flatnonzero(values == np.repeat(found, lengths))
            first = places[np.searchsorted(places, starts)]
            new = better(found, best[touched])
            best[touched[new]], best_us[touched[new]] = found[new], times_us[first[new]]

    def means(self) -> Plot:
        """One for each bucket that samples lie in, a NaN where there is a gap between two."""
        which = np.flatnonzero(self._held)
        times_us = self._start_us + which * self._width_us
        return Candidates(times_us, self._sum[which] / self._held[which], self._gap_after(which)).chosen(
            np.arange(len(which))
        )

    def extremes(self) -> Candidates:
        """Smallest and largest of each bucket, in order of time; once where they are one sample."""
        which = np.flatnonzero(self._held)
        bucket = np.concatenate([which, which])
        times_us = np.concatenate([self._low_us[which], self._high_us[which]])
        values = np.concatenate([self._low[which], self._high[which]])
        order = np.argsort(times_us, kind="stable")
        order = order[np.append(np.diff(times_us[order]) > 0, True)[: len(order)]]
        return Candidates(times_us[order], values[order], self._gap_after(bucket[order]))

    def _gap_after(self, bucket: Int64Array) -> BoolArray:
        """Whether no value stands for some bucket between one of these and the next."""
        empty = np.concatenate([[0], np.cumsum(np.cumsum(self._cover)[:-1] == 0)])
        return np.append(np.diff(empty[bucket]) > 0, False)[: len(bucket)]


def _in_order(parts: list[tuple[Int64Array, Int64Array, Float64Array]]) -> Candidates:
    """All samples with a value; a gap is wherever one doesn't reach to the next."""
    times_us, steps_us, values = (
        np.concatenate([part[k] for part in parts]) if parts else np.empty(0, kind)
        for k, kind in enumerate((np.int64, np.int64, np.float64))
    )
    finite = np.isfinite(values)
    times_us, steps_us, values = times_us[finite], steps_us[finite], values[finite]
    order = np.argsort(times_us, kind="stable")
    times_us, steps_us, values = times_us[order], steps_us[order], values[order]
    gap_after = np.append(times_us[1:] > times_us[:-1] + steps_us[:-1], False)[: len(times_us)]
    return Candidates(times_us, values, gap_after)
