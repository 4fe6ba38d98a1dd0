import numpy as np
import pytest

from edge_runtime.machine import Machine
from edge_runtime.recording import Recording
from edge_runtime.window import Window
from training.augmentation import NO_AUGMENTATION, Augmentation, augmented
from training.dataset import build_examples, labelled_windows, silence_sensors


@pytest.fixture(scope="module")
def window(machine: Machine, sample: Recording) -> Window:
    return labelled_windows(machine, sample).items[0].window


def changed(window: Window, machine: Machine, seed: int = 0, **settings: float) -> Window:
    return augmented(window, machine, Augmentation(**settings), np.random.default_rng(seed))


def channel(window: Window, name: str) -> np.ndarray:
    return next(one.values for one in window.channels if one.sensor == name)


def test_zero_changes_nothing(machine: Machine, window: Window):
    found = changed(window, machine)
    for one, other in zip(found.channels, window.channels, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def test_one_seed_gives_one_copy(machine: Machine, window: Window):
    one, same, other = (changed(window, machine, seed, noise=0.1, jitter=0.3) for seed in (1, 1, 2))
    np.testing.assert_array_equal(channel(one, "PS1"), channel(same, "PS1"))
    assert not np.array_equal(channel(one, "PS1"), channel(other, "PS1"))


def test_a_gain_multiplies_and_an_offset_shifts_a_whole_sensor(machine: Machine, window: Window):
    pressure = channel(window, "PS1").astype(np.float64)
    factor = channel(changed(window, machine, gain=0.05), "PS1") / pressure
    shift = channel(changed(window, machine, offset=0.05), "PS1") - pressure
    np.testing.assert_allclose(factor, factor[0], rtol=1e-5)
    np.testing.assert_allclose(shift, shift[0], atol=1e-3)
    assert factor[0] != pytest.approx(1, abs=1e-4)
    assert abs(shift[0]) > 0.01


def test_noise_is_as_strong_as_it_is_set(machine: Machine, window: Window):
    rated = 160  # bar, the machine's
    errors = [channel(changed(window, machine, seed, noise=0.01), "PS1") - channel(window, "PS1") for seed in range(40)]
    assert np.std(errors) == pytest.approx(0.01 * rated, rel=0.05)


def test_jitter_moves_samples_along_the_signal_and_never_past_its_neighbours(machine: Machine, window: Window):
    late = channel(changed(window, machine, jitter=0.1), "PS2")
    own = channel(window, "PS2")
    padded = np.pad(own, 1, mode="edge")
    neighbours = np.stack([padded[:-2], own, padded[2:]])
    assert not np.array_equal(late, own)
    assert np.all((late >= neighbours.min(0) - 1e-3) & (late <= neighbours.max(0) + 1e-3))


def test_gaps_stay_gaps_and_silent_sensors_silent(machine: Machine, window: Window):
    channels = list(window.channels)
    values = channels[0].values.copy()
    values[10:20] = np.nan
    channels[0] = type(channels[0])(channels[0].sensor, channels[0].step_us, values)
    gappy = type(window)(window.machine, window.start_us, window.end_us, tuple(channels))
    silent = silence_sensors(gappy, np.array([sensor.name == "PS2" for sensor in machine.sensors]))
    found = changed(silent, machine, noise=0.1, gain=0.1, offset=0.1, jitter=0.4)
    np.testing.assert_array_equal(np.isnan(found.channels[0].values), np.isnan(values))
    assert not len(channel(found, "PS2"))


def test_only_what_training_learns_from_is_changed(machine: Machine, sample: Recording):
    windows = labelled_windows(machine, sample).select(range(4))
    plain = build_examples(windows, sensor_drop=0.2, seed=3)
    noisy = build_examples(windows, sensor_drop=0.2, seed=3, augment=Augmentation(noise=0.05))
    for one, other in zip(plain, noisy, strict=True):
        np.testing.assert_array_equal(one.sample.sequence, other.sample.sequence)
        np.testing.assert_array_equal(one.degraded.sequence, other.degraded.sequence)
        np.testing.assert_array_equal(one.degraded.sequence_mask, other.learned.sequence_mask)
        assert one.learned is one.degraded
        assert not np.array_equal(other.learned.sequence, other.degraded.sequence)


def test_it_is_off_unless_a_training_file_turns_it_on():
    assert Augmentation() == NO_AUGMENTATION
