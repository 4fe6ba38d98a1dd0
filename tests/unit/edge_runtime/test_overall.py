import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge_runtime.overall import overall_health

HEALTH = st.floats(0, 1)
WEIGHT = st.floats(0.01, 1)
COMPONENTS = st.lists(st.tuples(HEALTH, WEIGHT), min_size=1, max_size=20)


@given(COMPONENTS)
def test_lies_between_the_worst_and_the_weighted_mean(components):
    healths, weights = zip(*components, strict=True)
    mean = sum(h * w for h, w in components) / sum(weights)
    assert min(healths) - 1e-9 <= overall_health(healths, weights) <= mean + 1e-9


@given(COMPONENTS, st.data())
def test_never_rises_when_a_component_gets_worse(components, data):
    healths, weights = map(list, zip(*components, strict=True))
    before = overall_health(healths, weights)
    index = data.draw(st.integers(0, len(healths) - 1))
    healths[index] = data.draw(st.floats(0, healths[index]))
    assert overall_health(healths, weights) <= before + 1e-9


@given(HEALTH, st.lists(WEIGHT, min_size=1, max_size=20))
def test_is_the_health_that_all_have(health, weights):
    assert overall_health([health] * len(weights), weights) == pytest.approx(health, abs=1e-9)


@given(st.floats(0.02, 1), st.floats(0.02, 1))
def test_a_more_critical_component_counts_more(one, other):
    assume(abs(one - other) > 0.01)
    low, high = sorted((one, other))
    assert overall_health([0.1, 1.0], [high, low]) < overall_health([0.1, 1.0], [low, high])


def test_one_failed_part_among_many_is_not_averaged_away():
    assert overall_health([0.1, *[1.0] * 12], [0.5] * 13) < 0.4


def test_nothing_judged_means_no_health():
    assert overall_health([], []) is None
