import numpy as np
import pytest

from edge_runtime.prognosis.remaining_life import FAILED_BELOW, HORIZON_PER_HISTORY, forecast
from edge_runtime.prognosis.wiener import DRAWS, Paths
from tests.unit.edge_runtime.prognosis.degradation import HOURS, trend_of, wandering


def known(level=0.9, loss=0.01, diffusion=1e-4):
    """A process of which everything is known."""
    return Paths(*(np.full(DRAWS, value) for value in (level, loss, diffusion)))


def passages(rng, paths, days=400, steps_per_day=8):
    """First passages by stepping through 2,000 paths."""
    step = rng.normal(
        -paths.loss[0] / steps_per_day, np.sqrt(paths.diffusion[0] / steps_per_day), (2000, days * steps_per_day)
    )
    below = paths.level[0] + np.cumsum(step, axis=1) < FAILED_BELOW
    return np.where(below.any(axis=1), (below.argmax(axis=1) + 1) / steps_per_day, np.inf)


@pytest.mark.parametrize("paths", [known(), known(0.7, 0.02, 4e-4), known(0.8, 0.005, 9e-4)])
def test_quantiles_are_those_of_simulated_passages(paths):
    life = forecast(paths, history_days=200)
    expected = np.quantile(passages(np.random.default_rng(1), paths), (0.1, 0.5, 0.9))
    assert [life.p10_days, life.p50_days, life.p90_days] == pytest.approx(expected.tolist(), rel=0.1)


@pytest.mark.parametrize(
    ("loss", "sigma", "noise", "days"), [(0.01, 0.005, 0.03, 21), (0.02, 0.01, 0.05, 10), (0.008, 0.01, 0.02, 30)]
)
def test_one_in_ten_fails_before_p10_half_before_p50_nine_in_ten_before_p90(loss, sigma, noise, days):
    """Tolerances of three standard errors of 150 paths, and of what a short history can't know."""
    rng = np.random.default_rng(21)
    before = []
    for _ in range(150):
        health = wandering(rng, loss, sigma, days + 500)
        past, future = health[: days * HOURS], health[days * HOURS :]
        if past.min() < FAILED_BELOW:
            continue
        life = trend_of(past + rng.normal(0, noise, len(past))).remaining_life
        if life.refused:
            continue
        truth = (np.flatnonzero(future < FAILED_BELOW)[0] + 1) / HOURS
        before.append([truth <= life.p10_days, truth <= life.p50_days, truth <= (life.p90_days or np.inf)])
    assert len(before) > 100
    p10, p50, p90 = np.mean(before, axis=0)
    assert 0.02 <= p10 <= 0.19
    assert 0.37 <= p50 <= 0.63
    assert 0.81 <= p90 <= 0.98


def test_no_diffusion_and_no_doubt_give_the_day_itself():
    life = forecast(known(diffusion=1e-14), history_days=30)
    assert [life.p10_days, life.p50_days, life.p90_days] == pytest.approx([40, 40, 40], rel=1e-3)


def test_it_is_refused_for_what_has_failed_already():
    assert forecast(known(level=0.45), 30).refused == "health is already below 50%"


def test_it_is_refused_where_history_is_too_short_to_look_that_far():
    life = forecast(known(level=1.0, loss=0.001), history_days=10)
    assert life.p50_days is None
    assert life.horizon_days == 10 * HORIZON_PER_HISTORY
    assert "over 50 days away, too far to foresee from 10 days of history" in life.refused


def test_a_late_end_beyond_the_horizon_is_left_open():
    life = forecast(known(level=0.7, loss=0.005, diffusion=2e-3), history_days=10)
    assert life.p10_days < life.p50_days < life.horizon_days
    assert life.p90_days is None
    assert life.refused is None


def test_paths_that_rise_may_still_pass():
    life = forecast(known(level=0.52, loss=-0.01, diffusion=1e-2), history_days=300)
    assert life.p50_days == pytest.approx(0.05, abs=0.05)
    assert forecast(known(level=0.9, loss=-0.01, diffusion=1e-6), history_days=300).refused


def test_the_same_history_gives_the_same_forecast():
    health = 0.9 - 0.01 * np.arange(20 * HOURS) / HOURS
    assert trend_of(health) == trend_of(health)
