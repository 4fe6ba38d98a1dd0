import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_runtime.features.sequence import MIN_COVERAGE, SEQUENCE, window_means

MINUTE = 60_000_000
signals = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 3), st.integers(1, 80)), elements=st.floats(-1e4, 1e4, width=32)
)


def hold_and_average(values, step_us, length_us, count):
    """The definition, done on a grid so fine that every edge lies on it."""
    fine = np.repeat(values.astype(np.float64), step_us * count, axis=1)[:, : length_us * count]
    fine = np.pad(fine, [(0, 0), (0, length_us * count - fine.shape[1])], constant_values=np.nan)
    parts = fine.reshape(len(values), count, length_us)
    covered = np.isfinite(parts).mean(axis=2)
    means = np.full(covered.shape, np.nan)
    for index in zip(*np.nonzero(covered >= MIN_COVERAGE), strict=True):
        means[index] = np.nanmean(parts[index])
    return means


@given(
    values=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 2), st.integers(1, 15)),
        elements=st.one_of(st.just(np.nan), st.floats(-1e4, 1e4, width=32)),
    ),
    step=st.integers(1, 6),
    count=st.integers(1, 9),
    cut=st.integers(0, 5),
)
def test_means_are_those_of_the_held_signal(values, step, count, cut):
    length = max(1, values.shape[1] * step - cut)
    expected = hold_and_average(values, step, length, count)
    np.testing.assert_allclose(window_means(values, step, length, count), expected, rtol=1e-9, atol=1e-7)


@given(values=signals, fold=st.integers(2, 10), count=st.sampled_from([60, 64]))
def test_block_means_give_what_the_fast_signal_gives_where_parts_hold_whole_blocks(values, fold, count):
    fast = np.repeat(values, fold, axis=1)
    fast += np.tile(np.linspace(-1, 1, fold, dtype=np.float32), values.shape[1])
    slow = fast.reshape(*values.shape, fold).mean(axis=2, dtype=np.float64)
    parts = values.shape[1]
    length = parts * fold
    np.testing.assert_allclose(window_means(fast, 1, length, parts), slow, rtol=1e-6, atol=1e-3)
    np.testing.assert_allclose(window_means(slow, fold, length, parts), slow, rtol=1e-9, atol=1e-9)


@given(values=signals, count=st.integers(1, 100))
def test_means_stay_within_the_signal_and_keep_its_mean(values, count):
    means = window_means(values, 1, values.shape[1], count)
    assert np.all(means >= values.min(axis=1, keepdims=True) - 1e-6 * np.abs(values).max() - 1e-9)
    assert np.all(means <= values.max(axis=1, keepdims=True) + 1e-6 * np.abs(values).max() + 1e-9)
    np.testing.assert_allclose(means.mean(axis=1), values.mean(axis=1, dtype=np.float64), rtol=1e-6, atol=1e-6)


def test_sixty_samples_in_sixty_parts_are_themselves():
    values = np.random.default_rng(2).normal(150, 20, (3, 60))
    np.testing.assert_allclose(window_means(values, 1_000_000, MINUTE, 60), values, rtol=1e-12)


@pytest.mark.parametrize(("gap", "missing"), [(30, []), (31, [0]), (60, [0])])
def test_a_part_covered_by_less_than_half_is_missing(gap, missing):
    values = np.ones((1, 120))
    values[0, :gap] = np.nan
    means = window_means(values, 500_000, MINUTE, 2)
    assert np.flatnonzero(np.isnan(means[0])).tolist() == missing


def test_a_silent_signal_is_missing_throughout():
    assert np.isnan(window_means(np.empty((2, 0), np.float32), 1_000_000, MINUTE, 64)).all()


def test_samples_beyond_the_window_are_not_used():
    values = np.array([[1.0, 1.0, 99.0]])
    np.testing.assert_allclose(window_means(values, 4, 8, 2), [[1.0, 1.0]])


def test_a_spike_stays_in_its_own_part():
    values = np.ones((1, 640))
    values[0, 5] = 1e30
    means = window_means(values, 1, 640, 64)
    assert means[0, 0] == pytest.approx(1e29)
    np.testing.assert_array_equal(means[0, 1:], 1.0)


@pytest.mark.parametrize("rate_hz", [0.01, 1 / 60, 0.5, 10, 10_000])
def test_any_rate_gives_the_same_tokens_of_a_level_signal(rate_hz):
    step_us = 1e6 / rate_hz
    values = np.full((2, max(1, round(MINUTE / step_us))), 2.0**20 + 0.25, np.float32)
    np.testing.assert_allclose(window_means(values, step_us, MINUTE, 64), 2.0**20 + 0.25, rtol=1e-12)


@pytest.mark.parametrize("wild", [np.inf, -np.inf, 1e39])
def test_what_no_sensor_can_read_is_missing(wild):
    values = np.ones((1, 64))
    values[0, 9] = wild
    means = window_means(values, 1, 64, 64)
    assert np.flatnonzero(np.isnan(means[0])).tolist() == [9]
    np.testing.assert_array_equal(np.delete(means[0], 9), 1.0)


def test_the_set_is_named_with_its_version():
    assert SEQUENCE.id == "sequence-64/1"
    assert len(SEQUENCE) == 64
