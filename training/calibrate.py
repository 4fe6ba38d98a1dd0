"""From raw logits to probabilities that mean what they say, and to sets that hold the truth in 90 % of new states.

Everything is found on windows of groups that the model did not see: on its training windows every model is sure. The
windows of a group are nearly copies, so a group counts as one observation, however many windows it has.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from edge_runtime.calibration import Float64Array, conformal_set, level_probabilities
from edge_runtime.graph import Float32Array, Int64Array
from edge_runtime.machine import Machine
from edge_runtime.manifest import ConditionCalibration, LevelCalibration
from training.metrics import Predictions

COVERAGE = 0.9
LEAST_GROUPS = 9
"""Of fewer, not even the set of all that was seen holds a new one in 90 % of cases: 8 of 9 are fewer than that."""

PSEUDO_LAPSES = 0.25
"""Of a group, what is added to the lapses seen. None would claim certainty after a few groups without a mistake; the
half of Jeffreys' prior would cost .02 of calibration error wherever there is none (ADR 66)."""

_LOG_TEMPERATURE = (np.log(0.05), np.log(20.0))
_LOG_LAPSE = (np.log(1e-3), np.log(0.9))
_SMALLEST_PROBABILITY = 1e-12


@dataclass(frozen=True, slots=True)
class HeldOutWindows:
    """What models said of windows whose groups they did not see.

    Attributes:
        logits: float32 [n, N, 4].
        level: int64 [n, N], −1 where unlabelled.
        missing: int64 [n, N], how many of its own signals a component lacked.
        groups: int64 [n].
    """

    logits: Float32Array
    level: Int64Array
    missing: Int64Array
    groups: Int64Array


def calibrate(machine: Machine, said: HeldOutWindows) -> dict[str, ConditionCalibration]:
    """Calibration of each condition that has labels, for whole windows and for each number of missing signals.

    A number of missing signals that too few groups show has no calibration of its own: that of the next smaller number
    is the nearest there is. So is, for whole windows, that of the fewest missing where no window is whole, as with a
    sensor that was never recorded.

    Args:
        machine: whose conditions are meant.
        said: of windows with and without missing signals.
    """
    calibrations = {}
    for condition in machine.conditions:
        node = machine.component_index[condition.component]
        labelled = said.level[:, node] >= 0
        found: list[LevelCalibration] = []
        for missing in np.unique(said.missing[labelled, node]).tolist():
            rows = labelled & (said.missing[:, node] == missing)
            groups = said.groups[rows]
            if found and len(np.unique(groups)) < LEAST_GROUPS:
                break
            own = _fit(said.logits[rows, node], said.level[rows, node], groups, len(condition.levels))
            found += (found[-1:] or [own]) * (missing - len(found)) + [own]
        if found:
            calibrations[condition.name] = ConditionCalibration(
                **found[0].model_dump(),
                labels=tuple(str(item.label) for item in condition.levels),
                lacking=tuple(found[1:]),
            )
    return calibrations


def fit_sureness(logits: Float32Array, level: Int64Array, groups: Int64Array, levels: int) -> tuple[float, float]:
    """Temperature and lapse rate that make the labelled levels likeliest, each group counting the same.

    Args:
        logits: [n, 4] continuation ratios.
        level: int64 [n].
        groups: int64 [n].
        levels: how many levels m.
    """
    weight = group_weights(groups) * len(np.unique(groups))
    rows = np.arange(len(level))

    def misfit(logarithms: Float64Array) -> float:
        temperature, lapse = np.exp(logarithms)
        likelihood = level_probabilities(logits, levels, temperature, lapse)[rows, level]
        loss = -(weight * np.log(np.maximum(likelihood, _SMALLEST_PROBABILITY))).sum()
        return float(loss - PSEUDO_LAPSES * logarithms[1])

    starts = [np.log([temperature, 0.03]) for temperature in (0.3, 1.0, 3.0)]
    bounds = [_LOG_TEMPERATURE, _LOG_LAPSE]
    found = min((minimize(misfit, start, method="L-BFGS-B", bounds=bounds) for start in starts), key=lambda f: f.fun)
    temperature, lapse = np.exp(found.x)
    return float(temperature), float(lapse)


def conformal_threshold(
    probabilities: Float64Array, level: Int64Array, groups: Int64Array, coverage: float = COVERAGE
) -> float:
    """The probability that a level needs to be in the set, for windows of a new group.

    Split conformal prediction with scores 1 − P(true level) (Vovk, Gammerman, Shafer 2005; Sadinle et al. 2019). Not
    windows but groups are exchangeable, so the quantile is of the mean of the groups' distributions ("pooling CDFs",
    Dunn, Wasserman, Ramdas, JASA 118, 2023, arXiv 1809.07441). The promise holds for groups like these; a new oil
    temperature or machine isn't.

    Args:
        probabilities: [n, m], calibrated.
        level: int64 [n].
        groups: int64 [n].
        coverage: the share wanted.

    Returns:
        A threshold in [0, 1]; 0, every level, with fewer than LEAST_GROUPS groups.
    """
    if len(np.unique(groups)) < LEAST_GROUPS:
        return 0.0
    truth = probabilities[np.arange(len(level)), level]
    order = np.argsort(-truth)
    reached = np.cumsum(group_weights(groups)[order])
    return float(truth[order[np.searchsorted(reached, coverage - 1e-9)]])


def group_weights(groups: Int64Array) -> Float64Array:
    """A weight for each window, float64 [n], so that each group's sum to the same and all to 1."""
    _, number, count = np.unique(groups, return_inverse=True, return_counts=True)
    weights: Float64Array = 1.0 / (count[number] * len(count))
    return weights


def predict(
    logits: Float32Array, truth: Int64Array, missing: Int64Array, calibration: ConditionCalibration
) -> Predictions:
    """What a calibrated model says of one condition.

    Args:
        logits: [n, 4].
        truth: int64 [n], the labelled levels.
        missing: int64 [n], how many of its own signals the component lacked.
        calibration: of the condition.
    """
    levels = len(calibration.labels)
    probabilities = np.empty((len(truth), levels))
    sets = np.zeros((len(truth), levels), np.bool_)
    for row, (own, lacked) in enumerate(zip(logits, missing, strict=True)):
        level = calibration.for_missing(int(lacked))
        probabilities[row] = level_probabilities(own, levels, level.temperature, level.lapse)
        sets[row, list(conformal_set(probabilities[row], level.conformal_threshold))] = True
    return Predictions(truth, probabilities.argmax(1).astype(np.int64), probabilities.max(1), sets, probabilities)


def _fit(logits: Float32Array, level: Int64Array, groups: Int64Array, levels: int) -> LevelCalibration:
    temperature, lapse = fit_sureness(logits, level, groups, levels)
    probabilities = level_probabilities(logits, levels, temperature, lapse)
    return LevelCalibration(
        temperature=temperature,
        lapse=lapse,
        conformal_threshold=conformal_threshold(probabilities, level, groups),
    )
