"""Windows for the ablation that asks whether it matters which components the pipes join."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_runtime.graph import GraphSample, Int64Array
from training.dataset import Example


def shuffle_edges(examples: Sequence[Example], seed: int) -> tuple[Example, ...]:
    """The examples with each window's pipes ending elsewhere; a window and its degraded copy stay alike.

    The ends change places among the pipes, so every component keeps as many of them as it has, with the features they
    have (the degree-preserving null model of S. Maslov and K. Sneppen, Science 296, 2002). They change in each window
    anew, training and test windows alike: one wrong circuit for all could be learned as well as the right one.
    """
    random = np.random.default_rng(seed)
    shuffled = []
    for example in examples:
        source, target = example.sample.edge_index
        edge_index = np.stack([source, random.permutation(target)])
        shuffled.append(
            replace(
                example,
                sample=_joined_by(example.sample, edge_index),
                degraded=_joined_by(example.degraded, edge_index),
                learned=_joined_by(example.learned, edge_index),
            )
        )
    return tuple(shuffled)


def _joined_by(sample: GraphSample, edge_index: Int64Array) -> GraphSample:
    return replace(sample, edge_index=edge_index)
