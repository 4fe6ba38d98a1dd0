import numpy as np
import pytest
import torch

from edge_runtime.calibration import level_probabilities
from gnn.discriminant import CycleDiscriminant
from gnn.normalisation import CHANNELS

TOKENS, KIND, OTHER = 8, 3, 5
LEVELS = 3


def cycles(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two measured channels whose small level effect lies under a nuisance a hundred times as large."""
    random = np.random.default_rng(seed)
    level = random.integers(0, LEVELS, count)
    values = np.zeros((count, CHANNELS, TOKENS), np.float32)
    nuisance = random.normal(size=(count, 1))
    values[:, 0] = (
        100 * nuisance + level[:, None] * np.linspace(0, 1, TOKENS) + 0.1 * random.normal(size=(count, TOKENS))
    )
    values[:, 1] = 50 * nuisance + 0.1 * random.normal(size=(count, TOKENS))
    mask = np.zeros_like(values)
    mask[:, :2] = 1
    return values, mask, level


def fit(values: np.ndarray, mask: np.ndarray, level: np.ndarray, fault: np.ndarray) -> CycleDiscriminant:
    """Fitted on cycles of one component type, of two halves that were recorded under different conditions."""
    discriminant = CycleDiscriminant(TOKENS)
    environment = (np.arange(len(level)) % 2)[:, None]
    discriminant.fit(values, mask, np.full(len(level), KIND), level, fault, environment)
    return discriminant


def fitted() -> CycleDiscriminant:
    values, mask, level = cycles(300)
    fault = np.full((300, 9), np.nan, np.float32)
    fault[:, 2] = level > 0
    return fit(values, mask, level, fault)


def answer(values: np.ndarray, mask: np.ndarray, kind: int = KIND) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    types = torch.full((len(values),), kind)
    level, fault, speaks = fitted()(torch.from_numpy(values), torch.from_numpy(mask), types)
    return level.numpy(), fault.numpy(), speaks.numpy()


def levels_of(logits: np.ndarray) -> np.ndarray:
    return level_probabilities(logits, LEVELS, 1.0).argmax(-1)


def test_a_level_is_found_under_a_nuisance_a_hundred_times_as_large():
    values, mask, level = cycles(200, seed=1)
    assert (levels_of(answer(values, mask)[0]) == level).mean() > 0.95


def test_peers_are_heard_together_and_others_are_not():
    values, mask, _ = cycles(20, seed=1)
    discriminant = fitted()
    heard = discriminant.peers[0]
    discriminant.bias += (1 - heard).unsqueeze(1) * torch.tensor([0.0, 50.0, 0.0, 0.0, 0.0])
    types = torch.full((20,), KIND)
    level, _, _ = discriminant(torch.from_numpy(values), torch.from_numpy(mask), types)
    assert level.numpy() == pytest.approx(answer(values, mask)[0], abs=1e-4)


def test_a_cycle_that_stopped_halfway_is_judged_by_its_beginning():
    values, mask, level = cycles(200, seed=1)
    values[:, :2, TOKENS // 2 :] = 5000.0
    said = levels_of(answer(values, mask)[0])
    assert (said == level).mean() > 0.8


def test_without_one_signal_it_says_what_can_be_said_without_it():
    values, mask, level = cycles(200, seed=1)
    mask[:, 1] = 0
    assert (levels_of(answer(values * mask, mask)[0]) == level).mean() > 0.95


def test_without_any_signal_it_is_silent():
    values, mask, _ = cycles(10, seed=1)
    level, fault, speaks = answer(0 * values, 0 * mask)
    assert not level.any()
    assert not fault.any()
    assert not speaks.any()


def test_a_type_without_labels_gets_nothing():
    values, mask, _ = cycles(10, seed=1)
    level, fault, _ = answer(values, mask, kind=OTHER)
    assert not level.any()
    assert not fault.any()


def test_the_labelled_fault_follows_the_first_level():
    values, mask, _ = cycles(50, seed=1)
    level, fault, _ = answer(values, mask)
    assert np.array_equal(fault[:, 2], level[:, 0])
    assert not np.delete(fault, 2, axis=1).any()


def test_one_level_alone_gives_no_discriminant():
    values, mask, _ = cycles(40)
    found = fit(values, mask, np.zeros(40, np.int64), np.zeros((40, 9), np.float32))
    assert not found.weight.any()


def test_a_gap_takes_what_the_signal_deviates_by_on_either_side(monkeypatch):
    monkeypatch.setattr("gnn.programme.LEAST_MEASURED", 0.8)  # with eight tokens, one missing is an eighth
    values, mask, level = cycles(200, seed=1)
    whole = levels_of(answer(values, mask)[0])
    broken, gaps = values.copy(), mask.copy()
    gaps[:, :2, 5] = 0
    broken[:, :2, 5] = 0
    said = levels_of(answer(broken, gaps)[0])
    assert (whole == level).mean() > 0.95
    assert (said == level).mean() > 0.9
