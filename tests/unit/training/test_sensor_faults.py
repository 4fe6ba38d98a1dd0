import numpy as np
import pytest

from edge_runtime.machine import Machine
from edge_runtime.recording import Recording
from edge_runtime.vocabulary import CANONICAL_CHANNELS
from edge_runtime.window import Window
from training.augmentation import sensor_scale
from training.dataset import build_examples, labelled_windows, silence_sensors
from training.sensor_faults import DRIFT, _drifting, _noisy, _stuck, faulty_channels, with_faulty_sensors


@pytest.fixture(scope="module")
def window(machine: Machine, sample: Recording) -> Window:
    return labelled_windows(machine, sample).items[0].window


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_share_of_the_sensors_is_faulty_and_the_others_are_as_they_were(machine: Machine, window: Window):
    counts = []
    for seed in range(20):
        changed, faulty = with_faulty_sensors(window, machine, 0.3, rng(seed))
        same = [
            np.array_equal(one.values, other.values, equal_nan=True)
            for one, other in zip(window.channels, changed.channels, strict=True)
        ]
        assert all(same[number] for number in np.flatnonzero(~faulty))
        counts.append(faulty.mean())
    assert 0.2 < np.mean(counts) < 0.4


def test_a_drifting_sensor_leaves_where_it_was_in_a_line():
    values = np.sin(np.arange(60.0))
    off = _drifting(values, 10.0, rng()) - values
    assert off[0] == 0
    assert 10 * DRIFT[0] <= abs(off[-1]) <= 10 * DRIFT[1]
    assert np.diff(off) == pytest.approx(off[-1] / 59)


def test_a_stuck_sensor_holds_its_value_from_some_moment_in_the_first_half_and_keeps_its_gaps():
    values = np.arange(60.0)
    values[50] = np.nan
    for seed in range(10):
        held = _stuck(values, 1.0, rng(seed))
        assert len(np.unique(held[30:][np.isfinite(held[30:])])) == 1
        assert held[-1] <= 30
        assert np.isnan(held[50])


@pytest.mark.parametrize("gap", [slice(0, 45), slice(None)], ids=["half", "all"])
def test_a_sensor_that_sticks_in_a_gap_holds_its_next_value(gap: slice):
    values = np.arange(60.0)
    values[gap] = np.nan
    held = _stuck(values, 1.0, rng())
    assert np.array_equal(np.isnan(held), np.isnan(values))
    assert set(held[np.isfinite(held)]) <= {45.0}


def test_a_noisy_sensor_is_right_on_average():
    noise = _noisy(np.zeros(20_000), 10.0, rng())
    assert 0.3 <= noise.std() <= 1.5
    assert abs(noise.mean()) < 0.05


def test_a_silent_sensor_is_not_faulty(machine: Machine, window: Window):
    silent = silence_sensors(window, np.ones(len(machine.sensors), np.bool_))
    changed, faulty = with_faulty_sensors(silent, machine, 0.9, rng())
    assert not faulty.any()
    assert changed == silent


def test_a_faulty_sensor_is_marked_at_all_its_places(machine: Machine):
    for number, sensor in enumerate(machine.sensors):
        faulty = np.arange(len(machine.sensors)) == number
        places = {
            (machine.component_index[place.component], CANONICAL_CHANNELS.index(place.port))
            for place in sensor.placements
            if place.port in CANONICAL_CHANNELS
        }
        assert {tuple(place) for place in np.argwhere(faulty_channels(machine, faulty)).tolist()} == places
        assert sensor_scale(machine, number) > 0


def test_only_the_copy_that_training_sees_has_faulty_sensors(machine: Machine, sample: Recording):
    windows = labelled_windows(machine, sample).select(range(6))
    plain = build_examples(windows, sensor_drop=0.2, seed=3)
    broken = build_examples(windows, sensor_drop=0.2, seed=3, sensor_faults=0.3)
    assert sum(example.faulty.sum() for example in broken) > 0 == sum(example.faulty.sum() for example in plain)
    for one, other in zip(plain, broken, strict=True):
        assert np.array_equal(one.degraded.sequence, other.degraded.sequence)
        touched = (one.learned.sequence != other.learned.sequence).any(2)
        assert not (touched & (other.faulty == 0)).any()
