"""Inputs brought to zero mean and unit spread, per component type and place, as part of the model.

A place is a feature of a channel, or a channel's token: where work cycles and windows go together, what is left of a
sequence is how this cycle differs from the usual one, and the cycle itself, which is tens of times larger, is gone.
Where they don't go together all tokens have much the same statistics, and it is the usual scaling by channel.

The statistics are buffers, so that the exported ONNX file holds them: the edge feeds plain `GraphSample` arrays and
can't apply another fold's or another release's scaling by mistake. What is missing (mask 0) counts neither when the
statistics are fitted nor when they are applied; it comes out as 0, and the mask beside it says so.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from edge_runtime.graph import Float32Array, Int64Array
from edge_runtime.vocabulary import CANONICAL_CHANNELS, ComponentType

TYPES = len(ComponentType)
CHANNELS = len(CANONICAL_CHANNELS)
CLIP = 8.0
"""Largest normalised magnitude. A value further out says "off the scale" and must not swamp all others."""

LEAST_SHARE = 0.2
"""Least spread of a token, as a share of its channel's: noise on a moment that never changes isn't news."""

_SMALLEST_SPREAD = 1e-6

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Mean and standard deviation of an input, float64 [rows, width]; rows are component types, or one for all."""

    mean: Float64Array
    std: Float64Array


def masked_statistics(values: npt.ArrayLike, mask: npt.ArrayLike, rows: npt.ArrayLike, count: int) -> Statistics:
    """Mean and standard deviation per row and column over what is not missing.

    Args:
        values: [n, width].
        mask: [n, width], 1 where measured.
        rows: int [n], the row (component type) that each entry counts towards.
        count: how many rows there are.

    Returns:
        Statistics [count, width]; mean 0 and spread 1 where nothing was measured or where the value never changes,
        so that an input which told nothing in training passes as it is.
    """
    values, mask, index = np.asarray(values), np.asarray(mask), np.asarray(rows)
    mean, std = np.zeros((count, values.shape[1])), np.ones((count, values.shape[1]))
    for row in np.unique(index):
        own = index == row
        weight = mask[own].astype(np.float64)
        number = np.maximum(weight.sum(0), 1)
        known = values[own] * weight
        mean[row] = known.sum(0) / number
        spread = np.sqrt(np.square((known - mean[row]) * weight).sum(0) / number)
        std[row] = np.where(spread > _SMALLEST_SPREAD, spread, 1.0)
    return Statistics(mean, std)


class InputNormalisation(nn.Module):
    """`(x − mean) / std` by component type and place, clipped to ±8, zero where the mask is zero."""

    mean: Tensor
    std: Tensor
    seen: Tensor
    """The same shape: 1 where the training data held a value."""

    def __init__(self, rows: int, *shape: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(rows, *shape))
        self.register_buffer("std", torch.ones(rows, *shape))
        self.register_buffer("seen", torch.ones(rows, *shape))

    def fit(self, values: Float32Array, mask: Float32Array, rows: Int64Array) -> None:
        """Take the statistics from training data.

        Args:
            values: [n, *shape].
            mask: the same shape, 1 where measured.
            rows: int64 [n].
        """
        count, *shape = self.mean.shape
        statistics = masked_statistics(values.reshape(len(values), -1), mask.reshape(len(mask), -1), rows, count)
        std = statistics.std.reshape(count, *shape)
        if len(shape) > 1:
            std = np.maximum(std, LEAST_SHARE * np.sqrt(np.square(std).mean(-1, keepdims=True)))
        seen = np.zeros((count, statistics.mean.shape[1]), np.float32)
        np.maximum.at(seen, rows, mask.reshape(len(mask), -1))
        self.seen.copy_(torch.from_numpy(seen.reshape(count, *shape)))
        self.mean.copy_(torch.from_numpy(statistics.mean.reshape(count, *shape)))
        self.std.copy_(torch.from_numpy(std))

    def forward(self, values: Tensor, mask: Tensor, rows: Tensor) -> Tensor:
        """Normalise.

        Args:
            values: [N, *shape].
            mask: the same shape, 1 where measured.
            rows: int64 [N].

        Returns:
            The same shape.
        """
        mean, std = self.mean.index_select(0, rows), self.std.index_select(0, rows)
        return ((values - mean) / std).clamp(-CLIP, CLIP) * mask
