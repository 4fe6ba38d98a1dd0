import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from gnn.ordinal_direction import TYPICAL_MARGIN, LevelSums, both_views, fit_direction, in_metric

LEVELS, SIZE = 3, 6
SHRINKAGE = 1e-3


def windows(count: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    level = random.integers(0, LEVELS, count)
    nuisance = 100 * random.normal(size=(count, 1))
    effect = level[:, None] * np.linspace(0, 1, SIZE)
    return nuisance + effect + 0.1 * random.normal(size=(count, SIZE)), level


def test_the_direction_is_the_textbooks():
    values, level = windows()
    values = (values - values.mean(0)) / values.std(0)
    found = fit_direction(LevelSums.of(values, level, LEVELS), 1e-9).weight
    binary = level > 0
    textbook = LinearDiscriminantAnalysis(solver="eigen").fit(values, level).scalings_[:, 0]
    assert abs(np.corrcoef(values @ found, values @ textbook)[0, 1]) > 0.999
    assert np.corrcoef(values @ found, binary)[0, 1] > 0.5


def test_the_median_level_leads_by_the_typical_margin_at_its_mean():
    values, level = windows()
    direction = fit_direction(LevelSums.of(values, level, LEVELS), SHRINKAGE)
    means = np.stack([values[level == one].mean(0) for one in range(LEVELS)])
    scores = direction.scores(means)
    assert scores.argmax(1).tolist() == [0, 1, 2]
    leads = [scores[one, one] - scores[one, one + 1] for one in range(LEVELS - 1)]
    assert np.median(leads) == pytest.approx(TYPICAL_MARGIN)


def test_a_level_not_seen_is_impossible():
    values, level = windows()
    scores = fit_direction(LevelSums.of(values, level, LEVELS + 1), SHRINKAGE).scores(values)
    assert np.isneginf(scores[:, LEVELS]).all()
    assert np.isfinite(scores[:, :LEVELS]).all()


def test_columns_that_say_nothing_give_scores_of_zero():
    level = np.array([0, 1, 2] * 5)
    scores = fit_direction(LevelSums.of(np.zeros((15, 2)), level, LEVELS), SHRINKAGE).scores(np.ones((1, 2)))
    assert not scores.any()


@given(st.integers(0, 2**16))
def test_sums_of_a_group_subtract(seed: int):
    values, level = windows(40, seed)
    rest = LevelSums.of(values, level, LEVELS) - LevelSums.of(values[:10], level[:10], LEVELS)
    alone = LevelSums.of(values[10:], level[10:], LEVELS)
    assert rest.products == pytest.approx(alone.products)
    assert rest.total == pytest.approx(alone.total)
    assert rest.count.tolist() == alone.count.tolist()


def test_one_metric_penalises_as_both_views_side_by_side():
    random = np.random.default_rng(0)
    level = random.integers(0, LEVELS, 200)
    cycle = random.normal(size=(200, 2, 5)) + 3 * random.normal(size=(200, 2, 1))
    cycle += level[:, None, None] * np.arange(5)
    in_one = in_metric(cycle, both_views(cycle))
    less_mean = cycle - cycle.mean(2, keepdims=True)
    side_by_side = np.concatenate([(view / view.std(0)).reshape(200, -1) for view in (cycle, less_mean)], 1)
    assert in_one @ in_one.T == pytest.approx(side_by_side @ side_by_side.T)


def test_a_channel_that_never_changes_counts_for_nothing():
    cycle = np.random.default_rng(0).normal(size=(50, 2, 4))
    cycle[:, 1] = 3.0
    assert not in_metric(cycle, both_views(cycle))[:, 4:].any()
