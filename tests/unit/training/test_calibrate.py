import numpy as np
import pytest

from edge_runtime.calibration import level_probabilities
from edge_runtime.machine import Machine
from edge_runtime.manifest import ConditionCalibration
from training.calibrate import calibrate, conformal_threshold, fit_temperature, predict


def draw(logits: np.ndarray, levels: int, seed: int) -> np.ndarray:
    """Levels drawn from the distribution that the logits state."""
    random = np.random.default_rng(seed)
    return np.array([random.choice(levels, p=row) for row in level_probabilities(logits, levels)])


@pytest.mark.parametrize("true_temperature", [1.0, 1.5, 3.0])
def test_the_temperature_that_was_put_in_is_found_again(true_temperature: float):
    logits = np.random.default_rng(0).normal(0, 2, (4000, 4)).astype(np.float32)
    level = draw(logits, 4, seed=1)
    assert fit_temperature(logits * np.float32(true_temperature), level, 4) == pytest.approx(true_temperature, rel=0.1)


def test_calibration_never_makes_a_model_surer_than_it_is():
    logits = np.random.default_rng(0).normal(0, 2, (4000, 4)).astype(np.float32)
    level = draw(logits, 4, seed=1)
    assert fit_temperature(logits / 2, level, 4) == pytest.approx(1.0, rel=0.001)


def test_the_threshold_is_the_finite_sample_quantile():
    """Of 19 windows the ⌈20 · 0.9⌉ = 18th largest probability of the truth; 18 of 19 are at or above it."""
    truth = np.arange(1, 20) / 20
    probabilities = np.stack([truth, 1 - truth], 1)
    assert conformal_threshold(probabilities, np.zeros(19, np.int64)) == pytest.approx(2 / 20)


def test_too_few_windows_promise_nothing_so_every_level_is_in_the_set():
    assert conformal_threshold(np.full((8, 2), 0.5), np.zeros(8, np.int64)) == 0.0


def test_sets_hold_the_truth_in_nine_of_ten_new_windows():
    logits = np.random.default_rng(2).normal(0, 1.5, (6000, 4)).astype(np.float32)
    level = draw(logits, 4, seed=3)
    probabilities = level_probabilities(logits, 4)
    threshold = conformal_threshold(probabilities[:3000], level[:3000])
    calibration = ConditionCalibration(temperature=1.0, conformal_threshold=threshold, labels=("a", "b", "c", "d"))

    found = predict(logits[3000:], level[3000:], calibration)

    covered = found.sets[np.arange(3000), found.truth].mean()
    assert 0.88 <= covered <= 0.93


def test_each_labelled_condition_is_calibrated_by_its_own_node(machine: Machine):
    random = np.random.default_rng(4)
    logits = random.normal(0, 2, (600, len(machine.components), 4)).astype(np.float32)
    level = np.full((600, len(machine.components)), -1)
    pump, valve = machine.component_index["pump"], machine.component_index["valve"]
    level[:, pump] = draw(logits[:, pump] / 4, 3, seed=5)
    level[:, valve] = draw(logits[:, valve], 4, seed=6)

    found = calibrate(machine, logits, level)

    assert set(found) == {"pump", "valve"}
    assert found["pump"].labels == ("0", "1", "2")
    assert found["pump"].temperature == pytest.approx(4, rel=0.35)
    assert found["valve"].temperature == pytest.approx(1, rel=0.2)


def test_predictions_are_the_likeliest_level_its_probability_and_the_levels_above_the_threshold():
    calibration = ConditionCalibration(temperature=2.0, conformal_threshold=0.3, labels=("ok", "bad"))
    found = predict(np.array([[0.0, 9, 9, 9], [8.0, 9, 9, 9]], np.float32), np.array([0, 1]), calibration)
    assert found.level.tolist() == [0, 1]
    assert found.confidence == pytest.approx([0.5, 1 / (1 + np.exp(-4))])
    assert found.sets.tolist() == [[True, True], [False, True]]
