import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.reading import Series
from edge_runtime.series_builder import SeriesBuilder


@given(st.lists(st.integers(0, 20), min_size=1, max_size=6))
def test_portions_of_any_size_are_put_together_as_they_came(lengths: list[int]):
    total = sum(lengths)
    whole = Series(np.arange(total), np.linspace(0, 1, total), np.arange(total, dtype=np.uint8))
    builder = SeriesBuilder()
    for end, length in zip(np.cumsum(lengths), lengths, strict=True):
        builder.add(whole.where(np.isin(whole.times_us, np.arange(end - length, end))))
    built = builder.build()
    for name in ("times_us", "values", "statuses"):
        np.testing.assert_array_equal(getattr(built, name), getattr(whole, name))
        assert getattr(built, name).dtype == getattr(whole, name).dtype


def test_arrays_that_are_not_contiguous_are_taken_too():
    series = Series(np.arange(6)[::2], np.arange(6.0)[::2], np.zeros(6, np.uint8)[::2])
    builder = SeriesBuilder()
    builder.add(series)
    builder.add(series)
    assert builder.build().values.tolist() == [0, 2, 4, 0, 2, 4]


def test_a_single_portion_is_not_copied():
    series = Series(np.arange(3), np.ones(3), np.zeros(3, np.uint8))
    builder = SeriesBuilder()
    builder.add(series)
    assert builder.build() is series
