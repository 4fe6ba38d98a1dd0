import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge_runtime.prognosis.history import HOUR_US, LOOK_BACK_US, MAX_HOURS, REPAIR_POINTS, HealthHistory

NOW_US = 500_000 * HOUR_US


def hourly(*health):
    """A history of one component, the last value an hour ago."""
    times_us = NOW_US - np.arange(len(health), 0, -1) * HOUR_US
    return HealthHistory({"pump": (times_us, np.array(health))})


def grown(*points):
    history = HealthHistory()
    for start_us, health in points:
        history = history.extended(start_us, health)
    return history


def test_of_each_hour_the_last_window_counts():
    history = grown((0, {"pump": 0.9}), (HOUR_US - 1, {"pump": 0.8}), (HOUR_US, {"pump": 0.7, "valve": 0.6}))
    assert history.by_component["pump"][0].tolist() == [HOUR_US - 1, HOUR_US]
    assert history.by_component["pump"][1].tolist() == [0.8, 0.7]
    assert history.by_component["valve"][1].tolist() == [0.6]


def test_an_hour_whose_last_window_was_not_judged_has_no_health():
    history = grown((0, {"pump": 0.9}), (HOUR_US, {"pump": 0.8}), (HOUR_US + 1, {}))
    assert history.by_component["pump"][1].tolist() == [0.9]


def test_it_holds_three_months_of_hours():
    history = grown(*((hour * HOUR_US, {"pump": 0.5}) for hour in range(MAX_HOURS + 30)))
    assert len(history.by_component["pump"][0]) == MAX_HOURS + 1


def test_a_clock_that_ran_ahead_or_behind_leaves_nothing_in_the_trend():
    history = grown((0, {"pump": 0.1}), (NOW_US + LOOK_BACK_US, {"pump": 0.2}))
    for hour in range(3, 0, -1):
        history = history.extended(NOW_US - hour * HOUR_US, {"pump": 0.9})
    times_us, health = history.until("pump", NOW_US)
    assert (np.diff(times_us) > 0).all()
    assert health.tolist() == [0.9, 0.9, 0.9]


def test_a_component_never_seen_has_no_history():
    times_us, health = HealthHistory().until("pump", NOW_US)
    assert len(times_us) == len(health) == 0


@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_it_begins_anew_after_a_repair(noise):
    rng = np.random.default_rng(3)
    worn, mended = np.linspace(0.9, 0.5, 60), np.linspace(0.95, 0.9, 40)
    seen = np.concatenate([worn, mended]) + rng.normal(0, noise, 100)
    times_us, health = hourly(*seen).until("pump", NOW_US)
    assert health.tolist() == seen[60:].tolist()
    assert times_us[0] == NOW_US - 40 * HOUR_US


def test_of_two_repairs_the_last_counts():
    seen = [0.9] * 20 + [0.4] * 20 + [0.95] * 20 + [0.5] * 20 + [1.0] * 15
    assert hourly(*seen).until("pump", NOW_US)[1].tolist() == [1.0] * 15


@given(st.lists(st.integers(0, 80), max_size=12, unique=True))
def test_single_windows_that_were_misjudged_are_no_repair(places):
    seen = np.full(90, 0.6)
    seen[places] = 1.0
    most = max((seen[place : place + REPAIR_POINTS] > 0.6).sum() for place in range(90))
    assume(most < REPAIR_POINTS / 2)
    assert len(hourly(*seen).until("pump", NOW_US)[1]) == 90
