"""The weight of the network's word beside the discriminant's, from windows that neither has learnt from."""

import numpy as np

from training.fusion import WEIGHTS, network_weights
from training.parts import PartLogits

KIND, LEVELS = 3, 2
RANDOM = np.random.default_rng(0)
LEVEL = RANDOM.integers(0, LEVELS, (200, 1))
GROUPS = np.repeat(np.arange(5), 40)
NOISE = RANDOM.normal(size=(200, 1, 4)).astype(np.float32)


def telling(strength: float) -> np.ndarray:
    """Logits that tell the level, under noise."""
    return (strength * (2 * LEVEL[:, :, None] - 1) + NOISE).astype(np.float32)


def weight_of(
    network: np.ndarray, discriminant: np.ndarray, level: np.ndarray = LEVEL, groups: np.ndarray = GROUPS
) -> float:
    parts = PartLogits(network + discriminant, network, discriminant)
    found = network_weights(parts, level, groups, np.array([LEVELS]), np.array([KIND]))
    assert found.dtype == np.float32
    assert np.delete(found, KIND).tolist() == [1.0] * (len(found) - 1)
    return float(found[KIND])


def test_a_network_that_knows_nothing_gets_no_say():
    guessing = 5 * RANDOM.normal(size=NOISE.shape).astype(np.float32)
    assert weight_of(guessing, telling(1.0)) == 0.0


def test_a_network_that_knows_better_is_heard_in_full():
    assert weight_of(telling(5.0), 0.1 * NOISE) == max(WEIGHTS)


def test_a_network_that_says_the_same_gets_no_say():
    assert weight_of(telling(1.0), telling(1.0)) == 0.0


def test_a_network_that_is_better_in_one_group_of_five_by_luck_gets_no_say():
    network = 5 * RANDOM.normal(size=NOISE.shape).astype(np.float32)
    network[GROUPS == 0] = telling(5.0)[GROUPS == 0]
    assert weight_of(network, telling(0.5)) == 0.0


def test_a_single_group_proves_nothing():
    assert weight_of(telling(5.0), 0.1 * NOISE, groups=np.zeros_like(GROUPS)) == 0.0


def test_a_network_that_softens_confident_errors_and_makes_more_of_them_gets_no_say():
    number = np.arange(len(LEVEL))
    sure_and_wrong, misled = number % 10 == 0, number % 5 == 1
    side = (2 * LEVEL[:, :, None] - 1) * np.ones(4)
    discriminant = np.where(sure_and_wrong, -20.0, 3.0)[:, None, None] * side
    network = np.where(sure_and_wrong, 19.5, np.where(misled, -31.0, 0.0))[:, None, None] * side
    assert weight_of(network.astype(np.float32), discriminant.astype(np.float32)) == 0.0


def test_windows_that_the_discriminant_is_silent_about_do_not_count():
    silent = np.arange(len(LEVEL)) % 2 == 0
    discriminant = telling(3.0) * ~silent[:, None, None]
    network = np.where(silent[:, None, None], telling(9.0), 5 * RANDOM.normal(size=NOISE.shape)).astype(np.float32)
    assert weight_of(network, discriminant) == 0.0


def test_a_type_without_labels_keeps_the_network():
    assert weight_of(telling(1.0), telling(1.0), np.full_like(LEVEL, -1)) == 1.0
