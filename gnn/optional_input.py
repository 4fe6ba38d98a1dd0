"""An input that not every machine has, such as residuals: normalised, with its mask beside it, mapped to the width."""

import torch
from torch import Tensor, nn

from edge_runtime.graph import Float32Array, Int64Array
from gnn.normalisation import TYPES, InputNormalisation


class OptionalInput(nn.Module):
    """`W Drop([normalised ‖ known])`. What training never measured stays unknown: its weights mean nothing."""

    def __init__(self, columns: int, width: int, dropout: float) -> None:
        super().__init__()
        self.normalise = InputNormalisation(TYPES, columns)
        self.drop = nn.Dropout(dropout)
        self.map = nn.Linear(2 * columns, width)

    def fit(self, values: Float32Array, mask: Float32Array, types: Int64Array) -> None:
        """Take the input statistics from training data: [n, columns] twice, int64 [n]."""
        self.normalise.fit(values, mask, types)

    def forward(self, values: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """What it adds to the nodes' states.

        Args:
            values: [N, columns].
            mask: [N, columns], 1 where measured.
            types: int64 [N].

        Returns:
            [N, width].
        """
        known = mask * self.normalise.seen.index_select(0, types)
        mapped: Tensor = self.map(self.drop(torch.cat([self.normalise(values, known, types), known], -1)))
        return mapped
