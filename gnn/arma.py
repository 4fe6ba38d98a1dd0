"""ARMA attention: autoregressive attention predicts the next value, a moving average learns from the surprise.

After WAVE, "weighted autoregressive varying gate" (Lu et al., ICML 2025, arXiv 2410.03159), with softmax attention as
the autoregressive part and one moving-average branch.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows
from torch import Tensor, nn

LEAK = 0.02
"""Negative slope inside the moving average's query map; WAVE's value."""


class ArmaAttention(nn.Module):
    """Causal ARMA attention over a node's tokens.

    With queries q, keys k, values v and moving-average keys u, all linear in the normalised input:

        o_t = Σ_{i<=t} softmax_i(q_t·k_i / √d) v_i              autoregressive: predicts v_{t+1}
        e_j = v_{j+1} − o_j                                      innovation: what the prediction missed
        m_t = Σ_{j<t} φ_q(q_{t−1})·φ_k(u_j) e_j                  moving average over past innovations
        y_t = x_t + W o_t + Drop(W m_t)

    φ_q(q) = −LeakyReLU(−q/√d), φ_k(u) = sigmoid(u/√d) as in WAVE's indirect weights; m_t is divided by t so that it
    doesn't grow with the window. e_j needs v_{j+1} and j + 1 <= t, so y_t sees no token after t.
    """

    causal: Tensor
    strictly_causal: Tensor

    def __init__(self, width: int, heads: int, tokens: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.scale = heads, 1 / math.sqrt(width // heads)
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 4 * width)
        self.out = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)
        self.register_buffer("causal", torch.ones(tokens, tokens).tril().bool(), persistent=False)
        innovations = tokens - 1
        share = torch.ones(innovations, innovations).tril() / torch.arange(1, tokens).unsqueeze(1)
        self.register_buffer("strictly_causal", share, persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Attend.

        Args:
            x: [N, T, H].

        Returns:
            Output [N, T, H] and innovations [N, T − 1, H].
        """
        nodes, tokens, width = x.shape
        parts = self.project(self.norm(x)).view(nodes, tokens, 4, self.heads, width // self.heads)
        query, key, value, surprise_key = parts.permute(2, 0, 3, 1, 4).unbind(0)

        scores = (query @ key.transpose(-1, -2) * self.scale).masked_fill(~self.causal, -torch.inf)
        predicted = scores.softmax(-1) @ value
        innovation = value[:, :, 1:] - predicted[:, :, :-1]

        weights = -F.leaky_relu(-query[:, :, :-1] * self.scale, LEAK) @ torch.sigmoid(
            surprise_key[:, :, :-1] * self.scale
        ).transpose(-1, -2)
        average = F.pad((weights * self.strictly_causal) @ innovation, (0, 0, 1, 0))

        output = self.out(_join_heads(predicted)) + self.drop(self.out(_join_heads(average)))
        return x + output, _join_heads(innovation)


def innovation_loss(innovation: Tensor) -> Tensor:
    """Mean squared innovation, a scalar: the next-step loss that goes beside the tasks."""
    return innovation.square().mean()


def _join_heads(x: Tensor) -> Tensor:
    """[N, heads, T, d] → [N, T, heads · d]."""
    return x.transpose(1, 2).flatten(2)
