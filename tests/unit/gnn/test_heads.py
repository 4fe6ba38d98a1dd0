import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from edge_runtime.calibration import level_probabilities
from gnn.heads import (
    CrossTaskAttention,
    SensorFaultHead,
    TaskHeads,
    fault_loss,
    level_loss,
    likeliest_level,
    sensor_fault_loss,
)


@pytest.mark.parametrize("cross_task", [False, True])
def test_each_node_gets_level_and_fault_logits(cross_task: bool):
    level, fault = TaskHeads(8, 0.0, cross_task=cross_task)(torch.randn(5, 8))
    assert level.shape == (5, 4)
    assert fault.shape == (5, 9)


def test_cross_task_attention_lets_one_task_see_the_other():
    torch.manual_seed(0)
    attention, tasks = CrossTaskAttention(8), torch.randn(3, 2, 8)
    changed = tasks.clone()
    changed[:, 1] += 1
    assert not torch.allclose(attention(tasks)[:, 0], attention(changed)[:, 0])


@pytest.mark.parametrize("levels", [2, 3, 4, 5])
def test_the_level_loss_is_the_likelihood_that_the_edge_computes_from_the_same_logits(levels: int):
    logits = torch.randn(6, 4)
    level = torch.arange(6) % levels
    probabilities = level_probabilities(logits.numpy(), levels)
    expected = -np.log(probabilities[np.arange(6), level.numpy()]).mean()
    assert level_loss(logits, level, torch.full((6,), levels)).item() == pytest.approx(expected, rel=1e-5)


def test_unlabelled_nodes_have_no_loss_and_no_gradient():
    logits = torch.randn(3, 4, requires_grad=True)
    faults = torch.randn(3, 9, requires_grad=True)
    target = torch.full((3, 9), torch.nan)
    target[1, 2] = 1.0

    loss = level_loss(logits, torch.tensor([-1, 2, -1]), torch.tensor([0, 4, 3])) + fault_loss(faults, target)
    loss.backward()

    assert logits.grad[[0, 2]].abs().sum() == 0
    assert logits.grad[1].abs().sum() > 0
    assert torch.count_nonzero(faults.grad) == 1
    assert torch.isfinite(faults.grad).all()


def test_a_batch_without_labels_costs_nothing():
    assert level_loss(torch.randn(2, 4), torch.tensor([-1, -1]), torch.tensor([0, 0])) == 0
    assert fault_loss(torch.randn(2, 9), torch.full((2, 9), torch.nan)) == 0


@pytest.mark.parametrize("levels", [2, 3, 4, 5])
def test_the_likeliest_level_is_the_one_that_the_edge_names(levels: int):
    torch.manual_seed(levels)
    logits = 2 * torch.randn(50, 4)
    expected = level_probabilities(logits.numpy(), levels).argmax(1)
    assert likeliest_level(logits, torch.full((50,), levels)).tolist() == expected.tolist()


def test_a_node_without_a_condition_is_at_level_zero():
    assert likeliest_level(torch.full((1, 4), 9.0), torch.tensor([0])).tolist() == [0]


def test_a_sensor_head_has_a_logit_a_channel():
    assert SensorFaultHead(8, 13)(torch.randn(5, 8)).shape == (5, 13)


def test_channels_without_a_sensor_do_not_count_in_the_sensor_loss():
    logits, faulty = torch.randn(4, 13), torch.zeros(4, 13)
    measured = torch.zeros(4, 13, 64)
    assert sensor_fault_loss(logits, faulty, measured) == 0
    measured[1, 2, 5] = 1
    assert sensor_fault_loss(logits, faulty, measured).item() == pytest.approx(softplus(logits[1, 2]).item())
    faulty[3, 3] = 1
    assert sensor_fault_loss(logits, faulty, measured).item() == pytest.approx(softplus(logits[1, 2]).item())
    faulty[1, 2] = 1
    assert sensor_fault_loss(logits, faulty, measured).item() == pytest.approx(softplus(-logits[1, 2]).item())
