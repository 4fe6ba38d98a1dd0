import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.trend import DAY_US, MAX_POINTS, MIN_POINTS, MIN_SPAN_US, degradation_per_day


def history(count: int, span_us: int, slope_per_day: float = 0.0):
    times = np.linspace(0, span_us, count).astype(np.int64)
    return times, 0.9 + slope_per_day * times / DAY_US


@given(st.floats(-0.2, 0.2), st.integers(MIN_POINTS, 3 * MAX_POINTS))
def test_finds_the_slope_of_a_line(slope, count):
    assert degradation_per_day(*history(count, DAY_US, slope)) == pytest.approx(-slope, abs=1e-6)


def test_a_quarter_of_wild_points_does_not_move_it_much():
    times, health = history(40, DAY_US, -0.1)
    health[::4] = 0.0
    assert degradation_per_day(times, health) == pytest.approx(0.1, abs=0.05)


def test_too_few_points_or_too_short_a_time_give_no_trend():
    assert degradation_per_day(*history(MIN_POINTS - 1, DAY_US, -0.1)) is None
    assert degradation_per_day(*history(100, MIN_SPAN_US - 1, -0.1)) is None
    assert degradation_per_day(np.array([], np.int64), np.array([])) is None


def test_steady_health_degrades_by_exactly_zero():
    assert str(degradation_per_day(*history(20, DAY_US))) == "0.0"
