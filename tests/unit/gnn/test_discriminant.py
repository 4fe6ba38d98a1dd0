import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from edge_runtime.calibration import level_probabilities
from gnn.discriminant import SHRINKAGE, TYPICAL_MARGIN, CycleDiscriminant
from gnn.normalisation import CHANNELS, InputNormalisation

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


def fitted(count: int = 300) -> tuple[CycleDiscriminant, InputNormalisation]:
    values, mask, level = cycles(count)
    types = np.full(count, KIND)
    fault = np.full((count, 9), np.nan, np.float32)
    fault[:, 2] = level > 0
    normalisation = InputNormalisation(15, CHANNELS, TOKENS)
    normalisation.fit(values, mask, types)
    discriminant = CycleDiscriminant(TOKENS)
    discriminant.fit(normalisation, values, mask, types, level, fault)
    return discriminant, normalisation


def answer(values: np.ndarray, mask: np.ndarray, kind: int = KIND) -> tuple[np.ndarray, np.ndarray]:
    discriminant, normalisation = fitted()
    types = torch.full((len(values),), kind)
    cycle = normalisation(torch.from_numpy(values), torch.from_numpy(mask), types)
    level, fault, _ = discriminant(cycle, torch.from_numpy(mask), types)
    return level.numpy(), fault.numpy()


def levels_of(logits: np.ndarray) -> np.ndarray:
    return level_probabilities(logits, LEVELS, 1.0).argmax(-1)


def test_a_level_is_found_under_a_nuisance_a_hundred_times_as_large():
    values, mask, level = cycles(200, seed=1)
    assert (levels_of(answer(values, mask)[0]) == level).mean() > 0.95


def test_folded_into_one_weight_it_says_what_the_textbook_form_says():
    training, _, level = cycles(300)
    values, mask, _ = cycles(200, seed=1)

    def views(cycle: np.ndarray) -> np.ndarray:
        used = cycle[:, :2].astype(np.float64)
        return np.concatenate([used, used - used.mean(2, keepdims=True)], 1).reshape(len(used), -1)

    mean, spread = views(training).mean(0), views(training).std(0)
    textbook = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE, priors=np.full(LEVELS, 1 / LEVELS))
    textbook.fit((views(training) - mean) / spread, level)
    expected = textbook.predict((views(values) - mean) / spread)
    assert (levels_of(answer(values, mask)[0]) == expected).mean() > 0.98


def test_the_median_training_window_leads_by_the_typical_margin():
    values, mask, level = cycles(300)
    probabilities = level_probabilities(answer(values, mask)[0], LEVELS, 1.0)
    own = probabilities[np.arange(len(level)), level]
    others = np.where(np.eye(LEVELS, dtype=bool)[level], 0, probabilities).max(1)
    assert np.median(np.log(own / others)) == pytest.approx(TYPICAL_MARGIN, rel=0.05)


def test_without_one_signal_it_says_what_can_be_said_without_it():
    values, mask, level = cycles(200, seed=1)
    mask[:, 1] = 0
    assert (levels_of(answer(values * mask, mask)[0]) == level).mean() > 0.95


def test_a_signal_on_two_channels_is_one_signal():
    values, mask, level = cycles(200)
    values[:, 2], mask[:, 2] = values[:, 0], 1
    types, fault = np.full(200, KIND), np.full((200, 9), np.nan, np.float32)
    normalisation = InputNormalisation(15, CHANNELS, TOKENS)
    normalisation.fit(values, mask, types)
    discriminant = CycleDiscriminant(TOKENS)
    discriminant.fit(normalisation, values, mask, types, level, fault)
    assert discriminant.needed[:, :3].tolist() == [[1, 1, 1], [0, 1, 0], [1, 0, 1]]


def test_without_any_signal_it_is_silent():
    values, mask, _ = cycles(10, seed=1)
    level, fault = answer(0 * values, 0 * mask)
    assert not level.any()
    assert not fault.any()


def test_a_type_without_labels_gets_nothing():
    values, mask, _ = cycles(10, seed=1)
    level, fault = answer(values, mask, kind=OTHER)
    assert not level.any()
    assert not fault.any()


def test_the_labelled_fault_follows_the_first_level():
    values, mask, _ = cycles(50, seed=1)
    level, fault = answer(values, mask)
    assert np.array_equal(fault[:, 2], level[:, 0])
    assert not np.delete(fault, 2, axis=1).any()


def test_one_level_alone_gives_no_discriminant():
    values, mask, _ = cycles(40)
    types = np.full(40, KIND)
    normalisation = InputNormalisation(15, CHANNELS, TOKENS)
    normalisation.fit(values, mask, types)
    discriminant = CycleDiscriminant(TOKENS)
    discriminant.fit(normalisation, values, mask, types, np.zeros(40, np.int64), np.zeros((40, 9), np.float32))
    assert not discriminant.weight.any()


def test_a_gap_takes_what_the_signal_deviates_by_on_either_side(monkeypatch):
    monkeypatch.setattr("gnn.discriminant.LEAST_MEASURED", 0.8)  # with eight tokens, one missing is an eighth
    values, mask, level = cycles(200, seed=1)
    whole = levels_of(answer(values, mask)[0])
    broken, gaps = values.copy(), mask.copy()
    gaps[:, :2, 5] = 0
    broken[:, :2, 5] = 0
    said = levels_of(answer(broken, gaps)[0])
    assert (whole == level).mean() > 0.95
    assert (said == level).mean() > 0.9
