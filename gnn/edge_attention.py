"""Attention along pipes: the pipe's own features stand in the score and in the message.

GATv2 (Brody, Alon, Yahav 2022, arXiv 2105.14491) uses edge features in the score alone; with one neighbour the
attention is 1 whatever the score, and the pipe is forgotten. Here the message is `W [h_j || e_ij]`. A softmax mean
can't form a balance such as Σ Q_in − Σ Q_out either, so a gated signed sum stands beside it.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import softmax

from edge_runtime.graph import EDGE_FEATURES

DIRECTED_EDGE_FEATURES = EDGE_FEATURES + 1


def both_directions(edge_index: Tensor, edge_features: Tensor) -> tuple[Tensor, Tensor]:
    """Every pipe twice: as the oil flows, and against it, since pressure and blockage act upstream too.

    Args:
        edge_index: int64 [2, E], source and target in the direction of flow.
        edge_features: [E, 8].

    Returns:
        int64 [2, 2E] and [2E, 9]; the ninth feature is the direction, +1 with the flow and −1 against it.
    """
    ahead = torch.ones_like(edge_features[:, :1])
    features = torch.cat([torch.cat([edge_features, ahead], 1), torch.cat([edge_features, -ahead], 1)])
    return torch.cat([edge_index, edge_index.flip(0)], 1), features


class EdgeAttention(MessagePassing):  # type: ignore[misc]  # torch_geometric is untyped
    """One layer: `h_i + Drop(W_o [Σ_j α_ij m_ij || Σ_j s_ij g_ij ∘ m_ij || h_i])`, on a normalised h.

        score_ij = a · LeakyReLU(W_t h_i + W_s h_j + W_e e_ij)      per head
        α_ij = softmax over j of score_ij
        m_ij = W_m [h_j || e_ij]      (W_m h_j in the ablation without the edge in the message)
        g_ij = sigmoid(b · LeakyReLU(W_t h_i + W_s h_j + W_e e_ij)) per head
        s_ij = +1 with the flow, −1 against it

    A node without pipes keeps its own state. The number of nodes and edges is free.
    """

    def __init__(
        self, width: int, heads: int, dropout: float, *, edge_in_message: bool = True, signed_sum: bool = True
    ) -> None:
        super().__init__(aggr="add", node_dim=0)
        self.heads, self.edge_in_message = heads, edge_in_message
        self.norm = nn.LayerNorm(width)
        self.target = nn.Linear(width, width)
        self.source = nn.Linear(width, width, bias=False)
        self.edge = nn.Linear(DIRECTED_EDGE_FEATURES, width, bias=False)
        self.score = nn.Linear(width, heads, bias=False)
        self.gate = nn.Linear(width, heads) if signed_sum else None
        self.message_map = nn.Linear(width + (DIRECTED_EDGE_FEATURES if edge_in_message else 0), width)
        self.out = nn.Linear((3 if signed_sum else 2) * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, h: Tensor, edge_index: Tensor, edge_features: Tensor) -> Tensor:
        """Pass messages once.

        Args:
            h: [N, H].
            edge_index: int64 [2, M], from `both_directions`.
            edge_features: [M, 9], the last one the direction.

        Returns:
            [N, H].
        """
        state = self.norm(h)
        gathered = self.propagate(
            edge_index,
            state=state,
            source=self.source(state),
            target=self.target(state),
            edge_features=edge_features,
        )
        updated: Tensor = h + self.drop(F.gelu(self.out(torch.cat([gathered, state], -1))))
        return updated

    def message(
        self,
        state_j: Tensor,
        source_j: Tensor,
        target_i: Tensor,
        edge_features: Tensor,
        index: Tensor,
        size_i: int,
    ) -> Tensor:
        """What each edge brings: [M, 2H] (attention branch, signed branch), or [M, H] without the signed sum."""
        pair = F.leaky_relu(source_j + target_i + self.edge(edge_features), 0.2)
        content = torch.cat([state_j, edge_features], -1) if self.edge_in_message else state_j
        message = self.message_map(content).view(-1, self.heads, state_j.shape[1] // self.heads)
        attention = softmax(self.score(pair), index, num_nodes=size_i)
        attended: Tensor = (attention.unsqueeze(-1) * message).flatten(1)
        if self.gate is None:
            return attended
        direction = edge_features[:, -1:]
        signed = ((direction * torch.sigmoid(self.gate(pair))).unsqueeze(-1) * message).flatten(1)
        branches: Tensor = torch.cat([attended, signed], -1)
        return branches
