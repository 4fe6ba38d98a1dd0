import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.intervals import (
    calibration_counts,
    calibration_error_of,
    confusion_counts,
    interval,
    macro_f1_of,
    mean_counts,
    mean_of,
)
from training.metrics import calibration_error, macro_f1

ANSWERS = st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 2), st.integers(0, 3)), min_size=1, max_size=60)


@given(ANSWERS)
def test_macro_f1_of_counts_is_that_of_the_answers(rows: list[tuple[int, int, int]]):
    truth, level, groups = np.array(rows, np.int64).T
    counts = confusion_counts(truth, level, groups, 3)
    assert counts.sum() == len(rows)
    assert macro_f1_of(counts.sum(0)) == pytest.approx(macro_f1(truth, level))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 3)), min_size=1, max_size=60))
def test_the_calibration_error_of_counts_is_that_of_the_answers(rows: list[tuple[float, bool, int]]):
    confidence = np.array([value for value, _, _ in rows])
    right = np.array([flag for _, flag, _ in rows])
    counts = calibration_counts(confidence, right, np.array([group for _, _, group in rows]))
    assert calibration_error_of(counts.sum(0)) == pytest.approx(calibration_error(confidence, right))


def test_an_abstention_is_not_held_against_the_calibration():
    counts = calibration_counts(np.array([0.9, np.nan]), np.array([True, False]), np.zeros(2, np.int64))
    assert counts[..., 0].sum() == 1


def test_an_interval_is_drawn_by_groups_and_not_by_windows():
    right = np.repeat([1.0, 0.0, 1.0, 1.0], 100)
    by_group = interval(mean_counts(right, np.repeat(np.arange(4), 100))[None], mean_of)
    by_window = interval(mean_counts(right, np.arange(400))[None], mean_of)
    assert by_group.value == by_window.value == 0.75
    assert by_group.high - by_group.low > 4 * (by_window.high - by_window.low)


def test_a_single_group_gives_no_interval():
    found = interval(mean_counts(np.ones(10), np.zeros(10, np.int64))[None], mean_of)
    assert found.value == 1
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_seeds_are_averaged_and_draw_the_same_groups():
    one = mean_counts(np.array([1.0, 0.0]), np.arange(2))
    other = mean_counts(np.array([0.0, 1.0]), np.arange(2))
    found = interval(np.stack([one, other]), mean_of)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
