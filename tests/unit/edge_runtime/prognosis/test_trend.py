import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.prognosis.history import HealthHistory
from edge_runtime.prognosis.trend import MIN_DAYS, health_trend
from tests.unit.edge_runtime.prognosis.degradation import HOURS, NOW_US, trend_of, wandering


@settings(max_examples=30)
@given(loss=st.floats(-0.02, 0.02), days=st.integers(8, 40))
def test_finds_the_slope_of_a_line(loss, days):
    seen = trend_of(0.7 - loss * np.arange(days * HOURS) / HOURS)
    assert seen.loss_per_day == pytest.approx(loss, abs=1e-4)
    assert seen.history_days == pytest.approx(days - 1 / HOURS)
    assert seen.significant == (abs(loss) * seen.history_days >= 0.01)


@pytest.mark.parametrize(
    ("loss", "sigma", "noise", "days"), [(0.01, 0.005, 0.03, 21), (0.02, 0.01, 0.05, 10), (0.0, 0.01, 0.03, 21)]
)
def test_the_interval_holds_the_true_loss_nine_times_out_of_ten(loss, sigma, noise, days):
    rng = np.random.default_rng(11)
    held = []
    for _ in range(150):
        health = wandering(rng, loss, sigma, days)
        seen = trend_of(health + rng.normal(0, noise, len(health)))
        held.append(seen.loss_low <= loss <= seen.loss_high)
    assert 0.84 <= np.mean(held) <= 0.99


def test_wandering_without_loss_is_seldom_called_a_trend():
    """Theil–Sen with Sen's interval, which takes deviations as independent, calls most of these one."""
    rng = np.random.default_rng(12)
    significant, by_independent_errors = [], []
    days = np.arange(21 * HOURS) / HOURS
    for _ in range(100):
        health = wandering(rng, 0.0, 0.01, 21) + rng.normal(0, 0.02, len(days))
        significant.append(trend_of(health).significant)
        slope = scipy.stats.theilslopes(health[::6], days[::6], alpha=0.9)
        by_independent_errors.append(slope.low_slope > 0 or slope.high_slope < 0)
    assert np.mean(significant) < 0.2
    assert np.mean(by_independent_errors) > 0.5


def test_irregular_times_give_the_same_trend():
    rng = np.random.default_rng(13)
    hours = np.sort(rng.choice(24 * 30, 200, replace=False))[::-1]
    hours[-1] = 0
    seen = trend_of(0.6 + 0.01 * hours / HOURS + rng.normal(0, 0.01, 200), hours=hours)
    assert seen.loss_low < 0.01 < seen.loss_high
    assert seen.significant


def test_a_few_misjudged_windows_do_not_move_it_much():
    rng = np.random.default_rng(14)
    health = 0.9 - 0.01 * np.arange(20 * HOURS) / HOURS
    health[rng.choice(len(health), len(health) // 10, replace=False)] = 0.0
    assert trend_of(health).loss_per_day == pytest.approx(0.01, abs=0.003)


@pytest.mark.parametrize("level", [1.0, 0.0, 0.6])
def test_health_that_never_changes_shows_no_trend(level):
    seen = trend_of(np.full(10 * HOURS, level))
    assert not seen.significant
    assert seen.loss_per_day == pytest.approx(0, abs=1e-6)
    assert seen.remaining_life.refused


def test_three_days_are_too_few():
    seen = trend_of(np.linspace(0.9, 0.8, 3 * HOURS + 1))
    assert seen.loss_per_day is None
    assert seen.reason == seen.remaining_life.refused == f"3.0 days of history, {MIN_DAYS:.0f} needed"


def test_a_week_seen_on_a_few_days_is_too_little():
    hours = [*range(200, 150, -1), *range(20, -1, -1)]
    assert trend_of(np.full(len(hours), 0.8), hours=hours).reason == "diagnosed on 4 days of 8, 5 needed"


def test_an_hour_a_day_is_enough():
    hours = np.arange(14, -1, -1) * HOURS
    seen = trend_of(0.8 + 0.01 * hours / HOURS, hours=hours)
    assert seen.loss_per_day == pytest.approx(0.01, abs=1e-4)
    assert seen.significant


@settings(max_examples=60)
@given(
    hours=st.lists(st.integers(1, 2159), min_size=1, max_size=400, unique=True),
    level=st.sampled_from([0.3, 0.8]),
    noise=st.sampled_from([0.0, 1e-9, 0.2]),
    seed=st.integers(0, 99),
)
def test_whatever_was_seen_and_when_the_answer_is_ordered_and_finite(hours, level, noise, seed):
    health = np.clip(level + np.random.default_rng(seed).normal(0, noise, len(hours) + 1), 0, 1)
    seen = trend_of(health, hours=[*sorted(hours, reverse=True), 0])
    assert (seen.loss_per_day is None) == (seen.reason is not None)
    if seen.reason is None:
        assert np.isfinite([seen.loss_low, seen.loss_high]).all()
        assert seen.loss_low <= seen.loss_per_day <= seen.loss_high
    life = seen.remaining_life
    assert (life.p50_days is None) == (life.refused is not None)
    if life.refused is None:
        assert 0 <= life.p10_days <= life.p50_days <= (life.p90_days or life.horizon_days) <= life.horizon_days


def test_two_days_three_months_ago_and_now_are_too_little_to_fit():
    """Fifty hours in one part of the history: nothing is left to tell noise from wandering by."""
    hours = [*range(2155, 2105, -1), 0]
    assert trend_of(np.linspace(0.9, 0.8, len(hours)), hours=hours).reason.startswith("diagnosed on ")


def test_the_first_diagnosis_ever_has_no_trend():
    assert health_trend(HealthHistory(), "pump", NOW_US, 0.8).reason == "0.0 days of history, 7 needed"


def test_after_a_repair_the_trend_begins_anew():
    worn, mended = np.linspace(0.9, 0.5, 20 * HOURS), np.linspace(0.98, 0.96, 2 * HOURS + 1)
    assert trend_of([*worn, *mended]).reason == "2.0 days of history, 7 needed"


def test_health_that_rises_slowly_is_a_trend_without_an_end():
    seen = trend_of(np.linspace(0.6, 0.75, 30 * HOURS))
    assert seen.significant
    assert seen.loss_high < 0
    assert seen.remaining_life.refused == "health is rising"


@pytest.mark.parametrize("start_us", [0, 1_000])
def test_a_clock_of_1970_has_no_history(start_us):
    history = HealthHistory({"pump": (NOW_US + np.arange(500) * 3_600_000_000, np.linspace(0.9, 0.5, 500))})
    assert health_trend(history, "pump", start_us, 0.8).history_days == 0


def test_a_long_standstill_between_two_runs_bears_a_trend():
    """Two days of running at either end of three months, each within a fortieth of all the time."""
    hours = np.r_[0:50, 2108:2158][::-1]
    seen = trend_of(0.8 + 0.01 * np.sin(hours), hours=hours)
    assert seen.loss_low < 0 < seen.loss_high
    assert not seen.significant
