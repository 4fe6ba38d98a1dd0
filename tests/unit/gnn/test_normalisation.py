import numpy as np
import pytest
import torch

from gnn.normalisation import CLIP, InputNormalisation, masked_statistics, sequence_rows
from tests.models.graphs import random_graph


def test_statistics_are_per_row_and_leave_out_what_is_missing():
    values = [[1.0, 5.0], [3.0, 99.0], [7.0, 8.0]]
    mask = [[1, 1], [1, 0], [1, 1]]

    found = masked_statistics(values, mask, [0, 0, 1], 3)

    assert found.mean.tolist() == [[2.0, 5.0], [7.0, 8.0], [0.0, 0.0]]
    assert found.std.tolist() == [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]


def test_training_data_come_out_with_mean_zero_and_spread_one():
    random = np.random.default_rng(0)
    values, rows = random.normal(40, 7, (500, 3)), np.zeros(500, np.int64)
    normalise = InputNormalisation(1, 3)
    normalise.fit(values, np.ones_like(values), rows)

    out = normalise(torch.tensor(values, dtype=torch.float32), torch.ones(500, 3), torch.tensor(rows))

    assert out.mean(0).numpy() == pytest.approx(0, abs=1e-4)
    assert out.std(0).numpy() == pytest.approx(1, abs=1e-2)


def test_what_is_missing_comes_out_as_zero_and_what_is_off_the_scale_is_clipped():
    normalise = InputNormalisation(1, 3)
    out = normalise(torch.tensor([[5.0, 1e9, -1e9]]), torch.tensor([[0.0, 1.0, 1.0]]), torch.tensor([0]))
    assert out.tolist() == [[0.0, CLIP, -CLIP]]


def test_a_sequence_shares_one_statistic_over_its_tokens():
    normalise = InputNormalisation(2, 2)
    normalise.fit([[0.0, 10.0], [2.0, 30.0]], np.ones((2, 2)), [1, 1])
    out = normalise(torch.tensor([[[1.0, 2.0], [20.0, 30.0]]]), torch.ones(1, 2, 2), torch.tensor([1]))
    assert out.tolist() == [[[0.0, 1.0], [0.0, 1.0]]]


def test_statistics_travel_with_the_weights():
    normalise = InputNormalisation(1, 2)
    normalise.fit([[1.0, 2.0], [3.0, 6.0]], np.ones((2, 2)), [0, 0])
    other = InputNormalisation(1, 2)
    other.load_state_dict(normalise.state_dict())
    assert other.mean.tolist() == [[2.0, 4.0]]


def test_sequences_are_laid_out_a_row_a_token():
    sample = random_graph(3, 2)
    values, mask, rows = sequence_rows(sample)
    assert values.shape == mask.shape == (3 * 64, 12)
    assert values[64 + 5].tolist() == sample.sequence[1, :, 5].tolist()
    assert rows[64 + 5] == sample.component_type[1]
