import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_runtime.calibration import conformal_set, level_probabilities, sigmoid

LOGITS = arrays(np.float64, (3, 4), elements=st.floats(-60, 60))


@given(LOGITS, st.integers(2, 5), st.floats(0.05, 20), st.floats(0, 1))
def test_probabilities_are_distributions(logits, levels, temperature, lapse):
    probabilities = level_probabilities(logits, levels, temperature, lapse)
    assert probabilities.shape == (3, levels)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1.0, atol=1e-12)


def test_follows_the_continuation_ratio_formula():
    q0, q1 = 0.8, 0.25
    logits = np.log([q0 / (1 - q0), q1 / (1 - q1), 99.0, 99.0])
    np.testing.assert_allclose(level_probabilities(logits, 3), [1 - q0, q0 * (1 - q1), q0 * q1])


def test_two_levels_use_only_the_first_logit():
    np.testing.assert_allclose(level_probabilities([0.0, 50, -50, 50], 2), [0.5, 0.5])


def test_a_higher_temperature_is_less_sure():
    sure, unsure = (level_probabilities([-3.0, -3.0, 0, 0], 3, temperature) for temperature in (1.0, 4.0))
    assert sure.max() > unsure.max()
    assert sure.argmax() == unsure.argmax() == 0


@given(LOGITS, st.integers(2, 5), st.floats(0.5, 20), st.floats(0, 0.9))
def test_calibration_makes_no_other_level_the_likeliest(logits, levels, temperature, lapse):
    plain = level_probabilities(logits, levels)
    calibrated = level_probabilities(logits, levels, temperature, lapse)
    rows = np.arange(len(plain))
    np.testing.assert_allclose(calibrated[rows, plain.argmax(axis=1)], calibrated.max(axis=1), rtol=1e-9)


def test_the_temperature_works_on_the_levels():
    plain = level_probabilities([0.3, -1.0, 2.0], 4)
    np.testing.assert_allclose(level_probabilities([0.3, -1.0, 2.0], 4, 2.0), np.sqrt(plain) / np.sqrt(plain).sum())


def test_a_lapse_goes_to_all_levels_alike():
    np.testing.assert_allclose(level_probabilities([-99.0, 0.0], 3, lapse=0.3), [0.8, 0.1, 0.1])


def test_too_few_logits_are_refused():
    with pytest.raises(ValueError, match="6 levels need 5 logits, there are 4"):
        level_probabilities(np.zeros(4), 6)


def test_sigmoid_bears_any_float():
    np.testing.assert_array_equal(sigmoid([-1e30, 0.0, 1e30]), [0.0, 0.5, 1.0])


@pytest.mark.parametrize(
    ("probabilities", "threshold", "kept"),
    [
        ([0.9, 0.07, 0.03], 0.05, (0, 1)),
        ([0.4, 0.35, 0.25], 0.2, (0, 1, 2)),
        ([0.4, 0.35, 0.25], 0.9, (0,)),
        ([0.1, 0.1, 0.8], 0.5, (2,)),
        ([0.45, 0.05, 0.5], 0.4, (0, 1, 2)),
    ],
)
def test_the_set_keeps_neighbouring_levels_that_are_likely_enough_and_never_nothing(probabilities, threshold, kept):
    assert conformal_set(probabilities, threshold) == kept
