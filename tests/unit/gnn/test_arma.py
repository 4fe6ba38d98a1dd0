import math

import pytest
import torch
from torch.nn.functional import leaky_relu

from gnn.arma import LEAK, ArmaAttention, innovation_loss

TOKENS, WIDTH = 16, 8


def block(heads: int = 2) -> ArmaAttention:
    torch.manual_seed(0)
    return ArmaAttention(WIDTH, heads, TOKENS, dropout=0.0)


def test_shapes():
    output, innovation = block()(torch.randn(3, TOKENS, WIDTH))
    assert output.shape == (3, TOKENS, WIDTH)
    assert innovation.shape == (3, TOKENS - 1, WIDTH)


@pytest.mark.parametrize("token", [0, 1, 7, TOKENS - 1])
def test_the_output_sees_the_past_and_never_the_future(token: int):
    attention, x = block(), torch.randn(2, TOKENS, WIDTH)
    changed = x.clone()
    changed[:, token] += torch.randn(WIDTH)

    before, after = attention(x)[0], attention(changed)[0]

    assert torch.allclose(before[:, :token], after[:, :token], atol=1e-6)
    assert not torch.allclose(before[:, token], after[:, token])


def test_it_computes_the_equations_written_out_token_by_token():
    attention, x = block(heads=1), torch.randn(1, TOKENS, WIDTH)
    query, key, value, surprise_key = attention.project(attention.norm(x))[0].split(WIDTH, -1)
    scale = 1 / math.sqrt(WIDTH)

    expected = []
    predicted = []
    for t in range(TOKENS):
        weights = torch.softmax(key[: t + 1] @ query[t] * scale, 0)
        predicted.append(weights @ value[: t + 1])
    for t in range(TOKENS):
        average = torch.zeros(WIDTH)
        for j in range(t):
            weight = -leaky_relu(-query[t - 1] * scale, LEAK) @ torch.sigmoid(surprise_key[j] * scale)
            average += weight / t * (value[j + 1] - predicted[j])
        expected.append(x[0, t] + attention.out(predicted[t]) + attention.out(average))

    assert torch.allclose(attention(x)[0][0], torch.stack(expected), atol=1e-5)


def test_a_signal_that_never_changes_has_no_innovation():
    constant = torch.randn(1, 1, WIDTH).expand(1, TOKENS, WIDTH)
    _, innovation = block()(constant)
    assert innovation_loss(innovation) < 1e-10


def test_a_jump_is_an_innovation():
    x = torch.zeros(1, TOKENS, WIDTH)
    x[:, 8:] = torch.randn(WIDTH)
    _, innovation = block()(x)
    energy = innovation[0].square().sum(1)
    assert energy.argmax() == 7
    assert energy[:7].sum() < 1e-10
