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


def network_weights(
    parts: PartLogits, level: Int64Array, groups: Int64Array, levels: Int64Array, types: Int64Array
) -> Float32Array:
    """For each component type the smallest weight of WEIGHTS that is as good as the best.

    Good is a weight under which the labelled levels are likely, each weight at its own best temperature so that it
    isn't chosen for how sure it makes the answer. As good as the best is what lies within one standard error of it,
    over groups (Breiman et al. 1984): with a handful of groups held back, the best alone is often luck. A type without
    labels keeps 1.

    Args:
        parts: of windows that were not trained on.
        level: int64 [windows, N], −1 = unlabelled.
        groups: int64 [windows].
        levels: int64 [N], how many levels each node's condition has.
        types: int64 [N], the nodes' component types.

    Returns:
        float32 [component types].
    """
    found = np.ones(TYPES, np.float32)
    for kind in np.unique(types):
        nodes = [int(node) for node in np.flatnonzero(types == kind) if (level[:, node] >= 0).any()]
        if nodes:
            misfit = np.array([_misfit(parts, level, groups, levels, nodes, weight) for weight in WEIGHTS])
            found[kind] = WEIGHTS[_simplest(misfit)]
    return found


def _simplest(misfit: Float64Array) -> int:
    """The first row of misfit [weights, groups] that isn't worse than the best by more than a standard error."""
    excess = misfit - misfit[misfit.mean(1).argmin()]
    error = excess.std(1, ddof=1) / np.sqrt(misfit.shape[1]) if misfit.shape[1] > 1 else np.zeros(len(misfit))
    return int(np.argmax(excess.mean(1) <= error))


def _misfit(
    parts: PartLogits, level: Int64Array, groups: Int64Array, levels: Int64Array, nodes: Sequence[int], weight: float
) -> Float64Array:
    """Negative log-likelihood of the nodes' levels in each group that has labels of them."""
    known = [level[:, node] >= 0 for node in nodes]
    group = np.concatenate([groups[rows] for rows in known])

    def losses(log_temperature: float) -> Float64Array:
        likelihoods = []
        for node, rows in zip(nodes, known, strict=True):
            logits = parts.discriminant[rows, node] + weight * parts.network[rows, node]
            probabilities = level_probabilities(logits, int(levels[node]), float(np.exp(log_temperature)))
            likelihoods.append(probabilities[np.arange(len(probabilities)), level[rows, node]])
        loss: Float64Array = -np.log(np.maximum(np.concatenate(likelihoods), _SMALLEST_PROBABILITY))
        return loss

    best = minimize_scalar(lambda log: float(losses(log).mean()), bounds=_LOG_TEMPERATURE, method="bounded").x
    loss = losses(float(best))
    return np.array([loss[group == one].mean() for one in np.unique(group)])
