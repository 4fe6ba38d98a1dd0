import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.metrics import (
    ABSTAINED,
    Predictions,
    balanced_accuracy,
    calibration_error,
    macro_f1,
    measure,
)


def predictions(truth: list[int], level: list[int], confidence: list[float], sets: list[list[int]]) -> Predictions:
    return Predictions(np.array(truth), np.array(level), np.array(confidence), np.array(sets, np.bool_))


def test_every_metric_as_worked_out_by_hand():
    found = measure(
        predictions(
            truth=[0, 0, 1, 2],
            level=[0, 1, 1, 1],
            confidence=[0.9, 0.9, 0.5, 0.7],
            sets=[[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 0]],
        )
    )
    assert found.accuracy == 0.5
    # Level 0: precision 1, recall 1/2, F1 2/3. Level 1: precision 1/3, recall 1, F1 1/2. Level 2: 0.
    assert found.macro_f1 == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert found.balanced_accuracy == pytest.approx((1 / 2 + 1 + 0) / 3)
    # Bins: two at .9, one of them right; one at .5, right; one at .7, wrong.
    assert found.ece == pytest.approx((2 * abs(0.5 - 0.9) + abs(1 - 0.5) + abs(0 - 0.7)) / 4)
    assert found.coverage_90 == 0.75
    assert found.mean_set_size == 1.25
    assert found.abstained == 0


def test_an_abstention_is_a_miss_that_covers_everything():
    found = measure(
        predictions([0, 1], [0, ABSTAINED], [1.0, np.nan], [[1, 0], [1, 1]]),
    )
    assert (found.accuracy, found.balanced_accuracy, found.abstained) == (0.5, 0.5, 0.5)
    assert found.macro_f1 == pytest.approx(0.5)
    assert (found.ece, found.coverage_90, found.mean_set_size) == (0.0, 1.0, 1.5)


def test_a_model_that_always_abstains_scores_nothing_and_breaks_nothing():
    found = measure(predictions([0, 1], [ABSTAINED] * 2, [np.nan] * 2, [[1, 1], [1, 1]]))
    assert (found.accuracy, found.macro_f1, found.balanced_accuracy, found.ece, found.abstained) == (0, 0, 0, 0, 1)


def test_a_level_that_no_window_has_is_not_held_against_the_model():
    truth, level = np.array([0, 0, 1]), np.array([0, 2, 1])
    assert macro_f1(truth, level) == pytest.approx((2 / 3 + 1) / 2)
    assert balanced_accuracy(truth, level) == pytest.approx((1 / 2 + 1) / 2)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_the_calibration_error_is_a_share_and_at_least_the_overall_gap(pairs: list[tuple[float, bool]]):
    confidence = np.array([value for value, _ in pairs])
    right = np.array([flag for _, flag in pairs])
    error = calibration_error(confidence, right)
    assert abs(right.mean() - confidence.mean()) - 1e-9 <= error <= 1 + 1e-9
