import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.quality import Quality
from edge_runtime.reading import Series

readings = st.lists(st.tuples(st.integers(-1000, 1000), st.floats(-1e6, 1e6), st.sampled_from(Quality)), max_size=50)


def columns(rows):
    times, values, quality = zip(*rows, strict=True) if rows else ((), (), ())
    return np.array(times, np.int64), np.array(values, np.float64), np.array(quality, np.uint8)


@given(readings)
def test_ordered_is_strictly_rising_and_keeps_the_last_of_equal_times(rows):
    series = Series.ordered(*columns(rows))
    last = {time: (value, quality) for time, value, quality in rows}
    assert series.times_us.tolist() == sorted(last)
    assert list(zip(series.values.tolist(), series.statuses.tolist(), strict=True)) == [last[t] for t in sorted(last)]


@given(readings, st.integers(-1100, 1100), st.integers(-1100, 1100))
def test_between_takes_the_start_and_leaves_the_end(rows, start, end):
    series = Series.ordered(*columns(rows))
    part = series.between(start, end)
    assert part.times_us.tolist() == [time for time in series.times_us.tolist() if start <= time < end]
    assert len(part) == len(part.values) == len(part.statuses)


def test_quality_is_good_where_none_is_given():
    assert Series.ordered(np.array([2, 1]), np.array([2.0, 1.0])).statuses.tolist() == [Quality.GOOD, Quality.GOOD]


def test_what_is_in_order_is_not_copied():
    times = np.arange(10)
    values = np.zeros(10)
    series = Series.ordered(times, values)
    assert series.times_us is times
    assert series.values is values
    assert np.shares_memory(series.between(3, 7).values, values)
