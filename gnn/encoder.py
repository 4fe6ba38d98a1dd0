"""Time inside a window, per node: 64 tokens of all channels become one state a token, each seeing only its past.

Two encoders with the same interface: a causal dilated TCN (Bai, Kolter, Koltun 2018, arXiv 1803.01271) and an LSTM.
`TemporalReadout` then makes one vector a node of the states.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows
from torch import Tensor, nn


class CausalConvolution(nn.Module):
    """One residual block: `x + Drop(GELU(conv(LN(x))))` with a convolution over past tokens.

    Token t sees t, t − d, … t − (k − 1)·d for kernel k and dilation d. Dropout takes whole channels out of all tokens
    of a node, as in the TCN's paper: what one token lacks, its neighbours would give away.
    """

    def __init__(self, width: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.convolve = nn.Conv1d(width, width, kernel, dilation=dilation)
        self.drop = nn.Dropout1d(dropout)
        self.past = (kernel - 1) * dilation

    def forward(self, x: Tensor) -> Tensor:
        """[N, T, H] → [N, T, H]."""
        padded = F.pad(self.norm(x), (0, 0, self.past, 0))
        # As an image of one row whose channels lie last, the states are convolved where they are: half the time of a
        # convolution in one dimension, which turns them round and back.
        image, weight = padded.transpose(1, 2).unsqueeze(2), self.convolve.weight.unsqueeze(2)
        convolved = F.conv2d(image, weight, self.convolve.bias, dilation=(1, *self.convolve.dilation)).squeeze(2)
        update: Tensor = self.drop(F.gelu(convolved)).transpose(1, 2)
        return x + update


class TemporalConvolution(nn.Module):
    """Causal TCN: a stack of `CausalConvolution` with dilations 1, 2, 4 and so on.

    The last of five layers with kernel 3 sees 1 + 2·(1 + 2 + 4 + 8 + 16) = 63 tokens.
    """

    def __init__(self, inputs: int, width: int, layers: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.stem = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(CausalConvolution(width, kernel, 2**i, dropout) for i in range(layers))

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """Encode.

        Args:
            tokens: [N, T, inputs], values and mask bits side by side.
            condition: [N, H], added to every token: what kind of component this is.

        Returns:
            [N, T, H]; state t depends on tokens 0…t only.
        """
        x: Tensor = self.stem(tokens) + condition.unsqueeze(1)
        for block in self.blocks:
            x = block(x)
        return x


class RecurrentEncoder(nn.Module):
    """LSTM over a node's tokens (Hochreiter, Schmidhuber 1997), the ablation of the TCN; the same interface."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Linear(inputs, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """As `TemporalConvolution.forward`."""
        x: Tensor = self.stem(tokens) + condition.unsqueeze(1)
        states: Tensor = self.lstm(x)[0]
        return x + states


class TemporalReadout(nn.Module):
    """One vector a node from its states: the last one, and a learned weighting of all tokens.

    `y = W [h_T || Σ_t r_t ∘ h_t]` with r [T, H]. The weights stand for places in the window, so a machine whose work
    cycle is aligned with its windows can be read at the moments that tell; the last state serves where it isn't. They
    start at random: from equal weights, all that a window tells of time would be averaged out, and learned slowly.
    """

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(tokens, width) / math.sqrt(tokens))
        self.mix = nn.Linear(2 * width, width)

    def forward(self, states: Tensor) -> Tensor:
        """[N, T, H] → [N, H]."""
        weighed = (states * self.weights).sum(1)
        mixed: Tensor = self.mix(torch.cat([states[:, -1], weighed], -1))
        return mixed
