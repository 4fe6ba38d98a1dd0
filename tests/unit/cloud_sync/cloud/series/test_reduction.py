"""A plot has few points, misses no peak and hides no gap, however the samples came."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.cloud.series.reduction import BUCKETS_A_POINT, Method, Plot, Reduction

STEP_US = 1_000_000
CHOSEN = (Method.LTTB, Method.MINMAX, Method.MEAN)


def reduce(values: np.ndarray, points: int, method: Method, *, parts: int = 1) -> tuple[Plot, Method]:
    """A sample a second from 0 on, in so many parts."""
    reduction = Reduction(0, len(values) * STEP_US, points, method)
    for index in np.array_split(np.arange(len(values)), parts):
        reduction.add(index * STEP_US, np.full(len(index), STEP_US), values[index])
    assert reduction.samples == len(values)
    return reduction.plot()


def wave(length: int) -> np.ndarray:
    return np.sin(np.arange(length) / 700) + np.random.default_rng(1).normal(0, 0.1, length)


@pytest.mark.parametrize("method", CHOSEN)
def test_few_samples_come_as_they_are_with_their_gaps(method: Method) -> None:
    values = np.array([1.0, np.nan, np.nan, 4.0, 5.0, np.nan])
    plot, said = reduce(values, 10, method)
    assert said is Method.RAW
    np.testing.assert_array_equal(plot.values, [1.0, np.nan, 4.0, 5.0])
    np.testing.assert_array_equal(plot.times_us[[0, 2, 3]], np.array([0, 3, 4]) * STEP_US)
    assert 0 < plot.times_us[1] < 3 * STEP_US


@pytest.mark.parametrize("method", CHOSEN)
@pytest.mark.parametrize("length", [150, 50_000])
def test_many_samples_come_as_few_points_in_order(method: Method, length: int) -> None:
    values = wave(length)
    plot, said = reduce(values, 100, method)
    assert said is method
    assert 30 <= len(plot.values) <= 100
    assert np.isfinite(plot.values).all()
    assert (np.diff(plot.times_us) > 0).all()
    if method is not Method.MEAN:
        np.testing.assert_array_equal(plot.values, values[plot.times_us // STEP_US])


@pytest.mark.parametrize("method", [Method.LTTB, Method.MINMAX])
def test_a_single_peak_among_many_samples_shows(method: Method) -> None:
    values = wave(200_000)
    values[123_456] = 50.0
    plot, _ = reduce(values, 100, method)
    assert 50.0 in plot.values


def test_means_are_those_of_equal_times() -> None:
    values = wave(100_000)
    plot, _ = reduce(values, 100, Method.MEAN)
    np.testing.assert_allclose(plot.values, values.reshape(100, -1).mean(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(plot.times_us, np.arange(100) * 1000 * STEP_US)


@pytest.mark.parametrize("method", CHOSEN)
def test_a_gap_as_long_as_two_buckets_shows_between_the_values_around_it(method: Method) -> None:
    values = wave(100_000)
    values[40_000:43_000] = np.nan
    plot, _ = reduce(values, 100, method)
    (gap,) = np.flatnonzero(np.isnan(plot.values))
    assert plot.times_us[gap - 1] < 40_000 * STEP_US <= plot.times_us[gap] < 43_000 * STEP_US
    assert plot.times_us[gap + 1] >= 42_000 * STEP_US


@pytest.mark.parametrize("method", CHOSEN)
def test_slow_samples_beside_fast_ones_are_no_gaps(method: Method) -> None:
    """A day at a sample an hour, then an hour at a sample a second: buckets are shorter than the slow step."""
    hour = 3600
    times_us = np.concatenate([np.arange(24) * hour, 24 * hour + np.arange(hour)]) * STEP_US
    steps_us = np.concatenate([np.full(24, hour), np.ones(hour, np.int64)]) * STEP_US
    reduction = Reduction(0, 25 * hour * STEP_US, 100, method)
    reduction.add(times_us, steps_us, np.arange(len(times_us), dtype=np.float64))
    plot, said = reduction.plot()
    assert said is method
    assert np.isfinite(plot.values).all()


@given(
    seed=st.integers(0, 1000),
    length=st.integers(1, 3000),
    points=st.integers(10, 60),
    parts=st.integers(2, 9),
    method=st.sampled_from(CHOSEN),
    missing=st.floats(0, 1),
)
def test_it_does_not_matter_in_which_parts_samples_come(
    seed: int, length: int, points: int, parts: int, method: Method, missing: float
) -> None:
    random = np.random.default_rng(seed)
    values = np.where(random.random(length) < missing, np.nan, random.normal(size=length))
    at_once, in_parts = reduce(values, points, method), reduce(values, points, method, parts=parts)
    assert at_once[1] == in_parts[1]
    np.testing.assert_array_equal(at_once[0].times_us, in_parts[0].times_us)
    np.testing.assert_allclose(at_once[0].values, in_parts[0].values, rtol=1e-9, atol=1e-12)
    plot = at_once[0]
    assert np.isfinite(plot.values).sum() <= points
    assert not (np.isnan(plot.values[1:]) & np.isnan(plot.values[:-1])).any()
    if not np.isfinite(values).any():
        assert len(plot.values) == 0
    elif method is not Method.MEAN and length > BUCKETS_A_POINT * points:
        assert np.nanmax(plot.values) <= np.nanmax(values)


def test_samples_out_of_the_time_are_left_out() -> None:
    reduction = Reduction(10 * STEP_US, 20 * STEP_US, 10, Method.LTTB)
    reduction.add(np.arange(30) * STEP_US, np.full(30, STEP_US), np.arange(30.0))
    plot, _ = reduction.plot()
    np.testing.assert_array_equal(plot.values, np.arange(10.0, 20.0))


def test_without_samples_there_are_no_points() -> None:
    for method in CHOSEN:
        plot, _ = Reduction(0, STEP_US, 10, method).plot()
        assert len(plot.times_us) == len(plot.values) == 0
