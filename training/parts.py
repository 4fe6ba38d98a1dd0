"""What a model says of windows: the whole of it, and each of its parts alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from edge_runtime.graph import Float32Array
from edge_runtime.graph_builder import join_graphs
from gnn.model import GraphTensors, UniversalTemporalGNN
from training.dataset import Example

_BATCH = 128


@dataclass(frozen=True, slots=True)
class PartLogits:
    """Level logits of each window's nodes, float32 [windows, N, 4] each; zero where the discriminant is silent."""

    fused: Float32Array
    network: Float32Array
    discriminant: Float32Array


def predict_parts(model: UniversalTemporalGNN, examples: Sequence[Example]) -> PartLogits:
    """Run the model over windows of one machine, whole and undegraded."""
    model.eval()
    rows: list[tuple[Float32Array, Float32Array, Float32Array]] = []
    with torch.inference_mode():
        for start in range(0, len(examples), _BATCH):
            batch = [example.sample for example in examples[start : start + _BATCH]]
            outputs = model.run(GraphTensors.of(join_graphs(batch)))
            said = (outputs.level_logits, outputs.network[0], outputs.discriminant[0])
            fused, network, discriminant = (part.view(len(batch), -1, part.shape[1]).numpy() for part in said)
            rows.append((fused, network, discriminant))
    return PartLogits(*(np.concatenate(column) for column in zip(*rows, strict=True)))
