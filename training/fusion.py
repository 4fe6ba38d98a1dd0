"""How much the network's word counts beside the discriminant's, found on windows that neither has learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from edge_runtime.calibration import Float64Array, level_probabilities
from edge_runtime.graph import Float32Array, Int64Array
from gnn.normalisation import TYPES
from training.parts import PartLogits

WEIGHTS = (0.0, 0.1, 0.25, 0.5, 1.0)
PROOF = 2.0
"""Standard errors that the network's help has to exceed: a one-sided test at about 2.5 %."""

LEAST_GROUPS = 3
"""Fewer groups don't tell luck from help."""

_LOG_TEMPERATURE = (np.log(0.05), np.log(20.0))
_SMALLEST_PROBABILITY = 1e-12


def network_weights(
    parts: PartLogits, level: Int64Array, groups: Int64Array, levels: Int64Array, types: Int64Array
) -> Float32Array:
    """For each component type the smallest weight of WEIGHTS that is as good as the best, and 0 unless it is proven.

    Good is a weight under which the labelled levels are likely, each weight at its own best temperature so that it
    isn't chosen for how sure it makes the answer. As good as the best is what lies within one standard error of it,
    over groups (Breiman et al. 1984). Proven is a weight that is better than the discriminant alone by more than
    PROOF standard errors, and no more often wrong: with a handful of groups held back, a network that softens a few
    confident errors can look better there and cost accuracy elsewhere. Windows that the discriminant is silent about
    don't count, as the network speaks of them in any case. A type without labels keeps 1.

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
            heard = [_heard(parts, level, groups, node, int(levels[node])) for node in nodes]
            fits = [_fit(heard, weight) for weight in WEIGHTS]
            found[kind] = WEIGHTS[_simplest(np.array([fit.misfit for fit in fits]), [fit.errors for fit in fits])]
    return found


@dataclass(frozen=True, slots=True)
class _Heard:
    """The windows that the discriminant speaks of at one node: logits of both parts [n, 4], truth and group [n]."""

    network: Float32Array
    discriminant: Float32Array
    level: Int64Array
    group: Int64Array
    levels: int


@dataclass(frozen=True, slots=True)
class _Fit:
    """How well a weight does: negative log-likelihood in each group, and windows named wrongly."""

    misfit: Float64Array
    errors: int


def _simplest(misfit: Float64Array, errors: Sequence[int]) -> int:
    """The first proven row of misfit [weights, groups] that isn't worse than the best by more than a standard error."""
    groups = misfit.shape[1]
    if groups < LEAST_GROUPS:
        return 0

    def over_groups(excess: Float64Array) -> tuple[Float64Array, Float64Array]:
        return excess.mean(1), excess.std(1, ddof=1) / np.sqrt(groups)

    excess, error = over_groups(misfit - misfit[0])
    proven = (excess < -PROOF * error) & (np.asarray(errors) <= errors[0])
    if not proven.any():
        return 0
    excess, error = over_groups(misfit - misfit[np.where(proven, misfit.mean(1), np.inf).argmin()])
    return int(np.argmax(proven & (excess <= error)))


def _heard(parts: PartLogits, level: Int64Array, groups: Int64Array, node: int, levels: int) -> _Heard:
    rows = (level[:, node] >= 0) & parts.discriminant[:, node].any(1)
    return _Heard(parts.network[rows, node], parts.discriminant[rows, node], level[rows, node], groups[rows], levels)


def _fit(heard: Sequence[_Heard], weight: float) -> _Fit:
    group = np.concatenate([one.group for one in heard])
    if not len(group):
        return _Fit(np.empty(0), 0)

    def probabilities(log_temperature: float) -> list[Float64Array]:
        temperature = float(np.exp(log_temperature))
        return [level_probabilities(one.discriminant + weight * one.network, one.levels, temperature) for one in heard]

    def losses(log_temperature: float) -> Float64Array:
        likelihoods = [
            found[np.arange(len(found)), one.level]
            for one, found in zip(heard, probabilities(log_temperature), strict=True)
        ]
        loss: Float64Array = -np.log(np.maximum(np.concatenate(likelihoods), _SMALLEST_PROBABILITY))
        return loss

    best = minimize_scalar(lambda log: float(losses(log).mean()), bounds=_LOG_TEMPERATURE, method="bounded").x
    loss = losses(float(best))
    wrong = [
        int((found.argmax(1) != one.level).sum()) for one, found in zip(heard, probabilities(float(best)), strict=True)
    ]
    return _Fit(np.array([loss[group == one].mean() for one in np.unique(group)]), sum(wrong))
