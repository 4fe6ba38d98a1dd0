import numpy as np
import pytest
import torch

from gnn.normalisation import CLIP, LEAST_SHARE, InputNormalisation, masked_statistics


def test_statistics_are_per_row_and_leave_out_what_is_missing():
    values = [[1.0, 5.0], [3.0, 99.0], [7.0, 8.0]]
    mask = [[1, 1], [1, 0], [1, 1]]

    found = masked_statistics(values, mask, [0, 0, 1], 3)

    assert found.mean.tolist() == [[2.0, 5.0], [7.0, 8.0], [0.0, 0.0]]
    assert found.std.tolist() == [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]


def test_training_data_come_out_with_mean_zero_and_spread_one():
    random = np.random.default_rng(0)
    values, rows = random.normal(40, 7, (500, 3)).astype(np.float32), np.zeros(500, np.int64)
    normalise = InputNormalisation(1, 3)
    normalise.fit(values, np.ones_like(values), rows)

    out = normalise(torch.tensor(values), torch.ones(500, 3), torch.tensor(rows))

    assert out.mean(0).numpy() == pytest.approx(0, abs=1e-4)
    assert out.std(0).numpy() == pytest.approx(1, abs=1e-2)


def test_what_is_missing_comes_out_as_zero_and_what_is_off_the_scale_is_clipped():
    normalise = InputNormalisation(1, 3)
    out = normalise(torch.tensor([[5.0, 1e9, -1e9]]), torch.tensor([[0.0, 1.0, 1.0]]), torch.tensor([0]))
    assert out.tolist() == [[0.0, CLIP, -CLIP]]


def test_each_token_of_a_sequence_has_its_own_statistic():
    """A usual cycle of 0, 10, which varies by 1 at its start and by 2 at its end."""
    normalise = InputNormalisation(2, 1, 2)
    cycles = np.array([[[-1.0, 8.0]], [[1.0, 12.0]]], np.float32)
    normalise.fit(cycles, np.ones_like(cycles), np.array([1, 1]))
    out = normalise(torch.tensor([[[1.0, 8.0]]]), torch.ones(1, 1, 2), torch.tensor([1]))
    assert out.tolist() == [[[1.0, -1.0]]]


def test_noise_on_a_token_that_never_changes_is_not_blown_up():
    normalise = InputNormalisation(1, 1, 2)
    cycles = np.array([[[-1.0, 0.0]], [[1.0, 1e-4]]], np.float32)
    normalise.fit(cycles, np.ones_like(cycles), np.array([0, 0]))
    assert normalise.std[0, 0, 1] == pytest.approx(LEAST_SHARE / np.sqrt(2), rel=1e-4)


def test_statistics_travel_with_the_weights():
    normalise = InputNormalisation(1, 2)
    normalise.fit(np.array([[1, 2], [3, 6]], np.float32), np.ones((2, 2), np.float32), np.array([0, 0]))
    other = InputNormalisation(1, 2)
    other.load_state_dict(normalise.state_dict())
    assert other.mean.tolist() == [[2.0, 4.0]]
