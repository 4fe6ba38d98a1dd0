import pytest
import torch
from torch import nn

from gnn.encoder import CausalConvolution, RecurrentEncoder, TemporalConvolution, TemporalReadout

TOKENS = 64


def encoders() -> list[nn.Module]:
    torch.manual_seed(0)
    return [TemporalConvolution(6, 8, layers=5, kernel=3, dropout=0.0), RecurrentEncoder(6, 8)]


@pytest.mark.parametrize("encoder", encoders(), ids=["tcn", "lstm"])
def test_there_is_a_state_for_each_token_of_each_node(encoder: nn.Module):
    assert encoder(torch.randn(3, TOKENS, 6), torch.randn(3, 8)).shape == (3, TOKENS, 8)


@pytest.mark.parametrize("encoder", encoders(), ids=["tcn", "lstm"])
@pytest.mark.parametrize("token", [0, 1, 30, 63])
def test_a_state_sees_its_own_token_and_the_past_but_not_the_future(encoder: nn.Module, token: int):
    tokens, condition = torch.randn(2, TOKENS, 6), torch.randn(2, 8)
    changed = tokens.clone()
    changed[:, token] += 1

    before, after = encoder(tokens, condition), encoder(changed, condition)

    assert torch.equal(before[:, :token], after[:, :token])
    assert not torch.allclose(before[:, token], after[:, token])


def test_the_last_state_of_the_convolution_looks_back_63_tokens():
    encoder = TemporalConvolution(6, 8, layers=5, kernel=3, dropout=0.0)
    tokens = torch.randn(1, TOKENS, 6, requires_grad=True)

    encoder(tokens, torch.zeros(1, 8))[0, -1].sum().backward()

    seen = tokens.grad[0].abs().sum(1) > 0
    assert seen.tolist() == [False] + [True] * 63


def test_a_block_passes_its_input_on():
    block = CausalConvolution(8, kernel=3, dilation=2, dropout=0.0)
    nn.init.zeros_(block.convolve.weight)
    nn.init.zeros_(block.convolve.bias)
    x = torch.randn(2, TOKENS, 8)
    assert torch.equal(block(x), x)


def test_the_readout_weighs_each_place_in_the_window():
    readout = TemporalReadout(TOKENS, 8)
    with torch.no_grad():
        readout.weights.zero_()
        readout.weights[20] = 1
    states = torch.randn(2, TOKENS, 8)
    elsewhere, there = states.clone(), states.clone()
    elsewhere[:, 21] += 1
    there[:, 20] += 1

    assert torch.allclose(readout(states), readout(elsewhere))
    assert not torch.allclose(readout(states), readout(there))
