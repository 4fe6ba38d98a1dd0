from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.metrics import ABSTAINED, Predictions
from training.risk_coverage import risk_coverage


def predictions(right: list[bool | None], confidence: list[float]) -> Predictions:
    """Windows at level 0, called right, wrong or not at all (None)."""
    level = np.array([ABSTAINED if one is None else int(not one) for one in right])
    sure = np.where(level == ABSTAINED, np.nan, confidence)
    return Predictions(np.zeros(len(right), np.int64), level, sure, np.ones((len(right), 2), np.bool_))


def test_a_model_that_is_unsure_of_its_errors_has_fewer_among_the_surest():
    points = risk_coverage(predictions([True] * 9 + [False], [0.9] * 5 + [0.8] * 4 + [0.5]))
    assert [(point.coverage, point.accuracy, point.confidence) for point in points] == [
        (1.0, pytest.approx(0.9), 0.5),
        (pytest.approx(0.9), 1.0, 0.8),
        (0.5, 1.0, 0.9),
    ]


def test_windows_that_are_equally_sure_go_together():
    (point,) = risk_coverage(predictions([True, False] * 5, [0.7] * 10))
    assert (point.coverage, point.accuracy) == (1.0, 0.5)


def test_abstentions_are_never_answered():
    points = risk_coverage(predictions([None] * 4 + [True] * 3 + [False] * 3, [0.9] * 7 + [0.6] * 3))
    assert points[0].coverage == pytest.approx(0.6)
    assert points[-1].coverage == pytest.approx(0.6)


def test_a_model_that_never_answers_has_no_curve():
    assert risk_coverage(predictions([None, None], [0, 0])) == ()


@given(st.lists(st.tuples(st.booleans(), st.floats(0.25, 1)), min_size=1, max_size=40))
def test_fewer_windows_are_surer_windows(pairs: list[tuple[bool, float]]):
    points = risk_coverage(predictions([right for right, _ in pairs], [sure for _, sure in pairs]))
    assert points[0].coverage == 1
    assert points[0].accuracy == pytest.approx(np.mean([right for right, _ in pairs]))
    for wide, narrow in pairwise(points):
        assert narrow.coverage < wide.coverage
        assert narrow.confidence > wide.confidence
