"""From raw logits to probabilities that mean what they say, and to sets that hold the truth in 90 % of windows.

Both numbers are found on windows of groups that the model did not see: on its training windows every model is sure.
"""

import numpy as np
from scipy.optimize import minimize_scalar

from edge_runtime.calibration import Float64Array, conformal_set, level_probabilities
from edge_runtime.graph import Float32Array, Int64Array
from edge_runtime.machine import Machine
from edge_runtime.manifest import ConditionCalibration
from training.metrics import Predictions

COVERAGE = 0.9
# Calibration only takes sureness away: a condition that is easy on whole windows needn't be so when sensors fail.
_LOG_TEMPERATURE = (0.0, np.log(20.0))
_SMALLEST_PROBABILITY = 1e-12


def fit_temperature(logits: Float32Array, level: Int64Array, levels: int) -> float:
    """The temperature, 1 or more, that makes the labelled levels likeliest (Guo et al. 2017, arXiv 1706.04599).

    Args:
        logits: [n, 4] continuation ratios.
        level: int64 [n].
        levels: how many levels m.
    """

    def negative_log_likelihood(log_temperature: float) -> float:
        probabilities = level_probabilities(logits, levels, float(np.exp(log_temperature)))
        likelihood = probabilities[np.arange(len(level)), level]
        return -float(np.log(np.maximum(likelihood, _SMALLEST_PROBABILITY)).mean())

    found = minimize_scalar(negative_log_likelihood, bounds=_LOG_TEMPERATURE, method="bounded")
    return float(np.exp(found.x))


def conformal_threshold(probabilities: Float64Array, level: Int64Array, coverage: float = COVERAGE) -> float:
    """The probability that a level needs to be in the set.

    Split conformal prediction (Vovk, Gammerman, Shafer 2005; Sadinle et al. 2019): with scores 1 − P(true level) of n
    windows, the ⌈(n + 1)·coverage⌉-th smallest is the largest that is let in. The promise holds for windows that are
    exchangeable with these; a new oil temperature or machine isn't.

    Args:
        probabilities: [n, m], calibrated.
        level: int64 [n].
        coverage: the share wanted.

    Returns:
        A threshold in [0, 1]; 0, every level, when n is too small to promise anything.
    """
    truth = np.sort(probabilities[np.arange(len(level)), level])[::-1]
    rank = int(np.ceil((len(level) + 1) * coverage))
    return float(truth[rank - 1]) if rank <= len(truth) else 0.0


def calibrate(machine: Machine, logits: Float32Array, level: Int64Array) -> dict[str, ConditionCalibration]:
    """Calibration of each condition that has labels; from fewer than nine windows every level is in the set.

    Args:
        machine: whose conditions are meant.
        logits: [n, N, 4], of windows that the model which gave them did not see.
        level: int64 [n, N], −1 where unlabelled.
    """
    calibrations = {}
    for condition in machine.conditions:
        node = machine.component_index[condition.component]
        labelled = level[:, node] >= 0
        if not labelled.any():
            continue
        known, truth = logits[labelled, node], level[labelled, node]
        temperature = fit_temperature(known, truth, len(condition.levels))
        probabilities = level_probabilities(known, len(condition.levels), temperature)
        calibrations[condition.name] = ConditionCalibration(
            temperature=temperature,
            conformal_threshold=conformal_threshold(probabilities, truth),
            labels=tuple(str(item.label) for item in condition.levels),
        )
    return calibrations


def predict(logits: Float32Array, truth: Int64Array, calibration: ConditionCalibration) -> Predictions:
    """What a calibrated model says of one condition.

    Args:
        logits: [n, 4].
        truth: int64 [n], the labelled levels.
        calibration: of the condition.
    """
    probabilities = level_probabilities(logits, len(calibration.labels), calibration.temperature)
    sets = np.zeros(probabilities.shape, np.bool_)
    for row, probability in zip(sets, probabilities, strict=True):
        row[list(conformal_set(probability, calibration.conformal_threshold))] = True
    return Predictions(truth, probabilities.argmax(1).astype(np.int64), probabilities.max(1), sets)
