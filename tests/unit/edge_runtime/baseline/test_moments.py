import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.baseline.moments import Moments


def normal(windows, seed=0):
    return np.random.default_rng(seed).normal((100.0, 7.0), (3.0, 0.2), (windows, 4, 2)).swapaxes(1, 2)


def test_centre_and_spread_are_those_of_a_normal_distribution():
    moments = Moments.of(normal(4000))
    assert moments.count.tolist() == [4000, 4000]
    np.testing.assert_allclose(moments.centre, [[100] * 4, [7] * 4], atol=0.2)
    np.testing.assert_allclose(moments.spread, [[3] * 4, [0.2] * 4], rtol=0.08)


def test_a_third_of_odd_windows_hardly_moves_them():
    values = normal(300)
    odd = values.copy()
    odd[::3] += 1e6
    spread = Moments.of(values).spread
    np.testing.assert_allclose(Moments.of(odd).centre, Moments.of(values).centre, atol=3 * spread.max())
    assert (Moments.of(odd).spread < 3 * spread).all()


def test_a_window_with_a_gap_does_not_count_for_that_signal():
    values = normal(10)
    values[4, 1, 2] = np.nan
    moments = Moments.of(values)
    assert moments.count.tolist() == [10, 9]
    np.testing.assert_array_equal(moments.centre[1], Moments.of(np.delete(values, 4, 0)).centre[1])


def test_a_silent_signal_counts_nothing():
    values = normal(5)
    values[:, 0] = np.nan
    moments = Moments.of(values)
    assert moments.count.tolist() == [0, 5]
    assert not moments.centre[0].any()
    assert moments.merged(Moments.of(normal(5))).count.tolist() == [5, 10]


def test_single_windows_merge_to_the_mean_and_the_standard_deviation():
    values = normal(50)
    merged = Moments.of(values[:1])
    for window in values[1:]:
        merged = merged.merged(Moments.of(window[None]))
    np.testing.assert_allclose(merged.centre, values.mean(0))
    np.testing.assert_allclose(merged.spread, values.std(0))


@given(seed=st.integers(0, 10_000), first=st.integers(1, 20), second=st.integers(1, 20), third=st.integers(1, 20))
def test_the_order_of_merging_does_not_matter(seed, first, second, third):
    a, b, c = (Moments.of(normal(windows, seed + shift)) for shift, windows in enumerate((first, second, third)))
    left, right = a.merged(b).merged(c), c.merged(a.merged(b))
    assert left.count.tolist() == right.count.tolist() == [first + second + third] * 2
    np.testing.assert_allclose(left.centre, right.centre)
    np.testing.assert_allclose(left.spread, right.spread, atol=1e-9)


def test_merging_with_nothing_changes_nothing():
    moments, nothing = Moments.of(normal(9)), Moments.of(np.full((1, 2, 4), np.nan))
    for merged in (moments.merged(nothing), nothing.merged(moments)):
        np.testing.assert_allclose(merged.centre, moments.centre)
        assert merged.spread == pytest.approx(moments.spread)
