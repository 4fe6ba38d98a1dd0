"""Readings of one sensor that come in portions, put together without being in memory twice."""

from array import array

import numpy as np

from edge_runtime.reading import Series


class SeriesBuilder:
    """Grows in place: an `array` of some size moves without a copy when it grows, a list of numpy arrays can't."""

    def __init__(self) -> None:
        self._alone: Series | None = None  # the first portion, as long as there is no other: it needs no copy
        self._times, self._values, self._statuses = array("q"), array("d"), array("B")

    def add(self, series: Series) -> None:
        """Further readings."""
        if self._alone is None and not self._times:
            self._alone = series
            return
        for one in (self._alone, series):
            if one is not None:
                self._times.frombytes(np.ascontiguousarray(one.times_us).data.cast("B"))
                self._values.frombytes(np.ascontiguousarray(one.values).data.cast("B"))
                self._statuses.frombytes(np.ascontiguousarray(one.statuses).data)
        self._alone = None

    def build(self) -> Series:
        """All readings in the order in which they came; nothing can be added any more."""
        if self._alone is not None:
            return self._alone
        return Series(
            np.frombuffer(self._times, np.int64),
            np.frombuffer(self._values, np.float64),
            np.frombuffer(self._statuses, np.uint8),
        )
