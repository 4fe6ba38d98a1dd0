import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.calibration import level_probabilities
from edge_runtime.machine import Machine
from edge_runtime.manifest import ConditionCalibration, LevelCalibration
from training.calibrate import HeldOutWindows, calibrate, conformal_threshold, fit_sureness, group_weights, predict

GROUPS = np.repeat(np.arange(40), 100)


def draw(probabilities: np.ndarray, seed: int) -> np.ndarray:
    """Levels drawn from stated distributions."""
    random = np.random.default_rng(seed)
    return (random.random((len(probabilities), 1)) > probabilities.cumsum(1)).sum(1)


def random_logits(seed: int, windows: int = 4000) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (windows, 4)).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.1, 0.7, 1.0, 3.0])
def test_the_probabilities_that_the_levels_were_drawn_by_are_found_again(temperature: float):
    logits = random_logits(0)
    drawn_by = level_probabilities(logits, 4, temperature)
    found = level_probabilities(logits, 4, *fit_sureness(logits, draw(drawn_by, seed=1), GROUPS, 4))
    assert np.abs(found - drawn_by).mean() < 0.02


def test_a_state_in_which_a_sure_model_is_wrong_leaves_the_others_sure():
    """One group of forty is called level 0 with all certainty and is level 3: a lapse, and no reason to doubt more."""
    level = np.repeat(np.arange(40) % 4, 100)
    sure = np.full((4000, 4), -8.0, np.float32)
    sure[np.arange(4) < level[:, None]] = 8.0
    level[:100] = 3

    temperature, lapse = fit_sureness(sure, level, GROUPS, 4)

    confidence = level_probabilities(sure, 4, temperature, lapse).max(1)
    assert confidence.mean() == pytest.approx(39 / 40, abs=0.01)


def test_a_model_that_never_erred_is_not_believed_to_be_certain():
    level = np.repeat(np.arange(40) % 2, 100)
    _, lapse = fit_sureness(np.where(level[:, None] > 0, 9, -9).astype(np.float32), level, GROUPS, 2)
    assert 0.25 / 40 < lapse < 0.03


def test_a_group_counts_once_however_many_windows_it_has():
    groups = np.array([7, 7, 7, 1])
    assert group_weights(groups) == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_the_threshold_is_the_quantile_of_the_groups_not_of_the_windows():
    """Of groups whose truth has probability 1/20 … 20/20, the unlikeliest two are let go, though they are large."""
    truth = np.arange(1, 21) / 20
    groups = np.repeat(np.arange(20), [500, 500, *[1] * 18])
    probabilities = np.stack([truth[groups], 1 - truth[groups]], 1)
    assert conformal_threshold(probabilities, np.zeros(len(groups), np.int64), groups) == pytest.approx(3 / 20)


def test_too_few_groups_promise_nothing_so_every_level_is_in_the_set():
    groups = np.repeat(np.arange(8), 50)
    assert conformal_threshold(np.full((400, 2), 0.5), np.zeros(400, np.int64), groups) == 0.0
    nine = np.repeat(np.arange(9), 50)
    assert conformal_threshold(np.full((450, 2), 0.5), np.zeros(450, np.int64), nine) == 0.5


def test_sets_hold_the_truth_in_nine_of_ten_new_groups():
    """Windows of a group are copies, so that only the number of groups tells anything."""
    random = np.random.default_rng(2)
    group = np.repeat(np.arange(600), 5)
    logits = random.normal(0, 1.5, (600, 4)).astype(np.float32)[group]
    level = draw(level_probabilities(logits[::5], 4), seed=3)[group]
    old = group < 300
    threshold = conformal_threshold(level_probabilities(logits[old], 4), level[old], group[old])
    calibration = ConditionCalibration(temperature=1.0, conformal_threshold=threshold, labels=("a", "b", "c", "d"))

    found = predict(logits[~old], level[~old], np.zeros(1500, np.int64), calibration)

    assert 0.87 <= found.sets[np.arange(1500), found.truth].mean() <= 0.97


def test_each_labelled_condition_is_calibrated_by_its_own_node(machine: Machine):
    nodes = len(machine.components)
    pump, valve = machine.component_index["pump"], machine.component_index["valve"]
    logits = np.stack([random_logits(node) for node in range(nodes)], 1)
    level = np.full((4000, nodes), -1)
    level[:, pump] = draw(level_probabilities(logits[:, pump], 3, 4.0), seed=5)
    level[:, valve] = draw(level_probabilities(logits[:, valve], 4), seed=6)

    found = calibrate(machine, HeldOutWindows(logits, level, np.zeros_like(level), GROUPS))

    assert set(found) == {"pump", "valve"}
    assert found["pump"].labels == ("0", "1", "2")
    assert found["pump"].temperature > 1.5 * found["valve"].temperature
    assert found["valve"].lacking == ()


def test_windows_with_signals_missing_are_calibrated_apart(machine: Machine):
    """With one signal missing the levels are drawn four times as flat; two are missing in too few groups to say."""
    pump = machine.component_index["pump"]
    logits = np.stack([random_logits(7)] * len(machine.components), 1)
    missing = np.zeros((4000, len(machine.components)), np.int64)
    missing[::2, pump] = 1
    missing[:50, pump] = 2
    level = np.full(missing.shape, -1)
    temperature = np.where(missing[:, pump] == 0, 1.0, 4.0)
    for degrees in (1.0, 4.0):
        rows = temperature == degrees
        level[rows, pump] = draw(level_probabilities(logits[rows, pump], 3, degrees), seed=8)

    found = calibrate(machine, HeldOutWindows(logits, level, missing, GROUPS))["pump"]

    (lacking,) = found.lacking
    assert lacking.temperature > 1.5 * found.temperature
    assert found.for_missing(1) is found.for_missing(5) is lacking
    assert found.for_missing(0) is found


def test_a_sensor_that_was_never_recorded_leaves_the_others_calibration(machine: Machine):
    """Every window lacks one signal at least: what holds of these is the nearest there is to whole windows."""
    pump = machine.component_index["pump"]
    logits = np.stack([random_logits(7)] * len(machine.components), 1)
    missing = np.zeros((4000, len(machine.components)), np.int64)
    missing[:, pump] = np.where(np.arange(4000) % 2, 1, 3)
    level = np.full(missing.shape, -1)
    level[:, pump] = draw(level_probabilities(logits[:, pump], 3, 2.0), seed=8)

    found = calibrate(machine, HeldOutWindows(logits, level, missing, GROUPS))["pump"]

    whole, one, two, three = (found.for_missing(count).temperature for count in range(4))
    assert whole == one == two != three
    assert len(found.lacking) == 3


def test_predictions_are_the_likeliest_level_its_probability_and_the_levels_above_the_threshold():
    calibration = ConditionCalibration(
        temperature=2.0,
        conformal_threshold=0.3,
        labels=("ok", "bad"),
        lacking=(LevelCalibration(temperature=1.0, lapse=0.9, conformal_threshold=0.0),),
    )
    logits = np.array([[0.0, 9, 9, 9], [8.0, 9, 9, 9], [8.0, 9, 9, 9]], np.float32)
    found = predict(logits, np.array([0, 1, 1]), np.array([0, 0, 1]), calibration)
    assert found.level.tolist() == [0, 1, 1]
    assert found.confidence == pytest.approx([0.5, 1 / (1 + np.exp(-4)), 0.55], abs=1e-4)
    assert found.sets.tolist() == [[True, True], [False, True], [True, True]]


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 12), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_whatever_was_seen_the_calibration_is_usable(groups: int, levels: int, seed: int):
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), 3)
    logits = random.normal(0, 20, (len(group), 4)).astype(np.float32)
    temperature, lapse = fit_sureness(logits, random.integers(levels, size=len(group)), group, levels)
    assert 0.0499 <= temperature <= 20.01
    assert 0 < lapse < 1
