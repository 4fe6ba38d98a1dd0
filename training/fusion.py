"""How much the network's word counts beside the discriminant's, found on windows that neither has learnt from."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar

from edge_runtime.calibration import Float64Array, level_probabilities
from edge_runtime.graph import Float32Array, Int64Array
from gnn.normalisation import TYPES
from training.parts import PartLogits

WEIGHTS = (0.0, 0.1, 0.25, 0.5, 1.0)
_LOG_TEMPERATURE = (np.log(0.05), np.log(20.0))
_SMALLEST_PROBABILITY = 1e-12


def network_weights(parts: PartLogits, level: Int64Array, levels: Int64Array, types: Int64Array) -> Float32Array:
    """For each component type the weight of WEIGHTS under which the labelled levels are likeliest.

    Each weight is judged at its own best temperature, so that it isn't chosen for how sure it makes the answer. Of
    weights that are equally good the smallest is taken; a type without labels keeps 1.

    Args:
        parts: of windows that were not trained on.
        level: int64 [windows, N], −1 = unlabelled.
        levels: int64 [N], how many levels each node's condition has.
        types: int64 [N], the nodes' component types.

    Returns:
        float32 [component types].
    """
    found = np.ones(TYPES, np.float32)
    for kind in np.unique(types):
        nodes = [int(node) for node in np.flatnonzero(types == kind) if (level[:, node] >= 0).any()]
        if nodes:
            found[kind] = min(WEIGHTS, key=lambda weight: _misfit(parts, level, levels, nodes, weight))
    return found


def _misfit(parts: PartLogits, level: Int64Array, levels: Int64Array, nodes: Sequence[int], weight: float) -> float:
    """Negative log-likelihood of the nodes' levels, rounded: what differs by less is equally good."""

    def at(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        likelihoods = [_likelihood(parts, level, levels, node, weight, temperature) for node in nodes]
        return -float(np.log(np.maximum(np.concatenate(likelihoods), _SMALLEST_PROBABILITY)).mean())

    return round(float(minimize_scalar(at, bounds=_LOG_TEMPERATURE, method="bounded").fun), 4)


def _likelihood(
    parts: PartLogits, level: Int64Array, levels: Int64Array, node: int, weight: float, temperature: float
) -> Float64Array:
    known = level[:, node] >= 0
    logits = parts.discriminant[known, node] + weight * parts.network[known, node]
    probabilities = level_probabilities(logits, int(levels[node]), temperature)
    likelihood: Float64Array = probabilities[np.arange(len(probabilities)), level[known, node]]
    return likelihood
