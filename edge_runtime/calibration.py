"""From continuation-ratio logits to calibrated level probabilities and a conformal set of levels."""

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]


def level_probabilities(
    logits: npt.ArrayLike, levels: int, temperature: float = 1.0, lapse: float = 0.0
) -> Float64Array:
    """Calibrated probability of each level, from healthy to failed.

    Continuation-ratio model (A. Agresti, Categorical Data Analysis, 3rd ed., chapter 8): with
    q_k = sigmoid(logit_k) = P(level > k | level >= k), p_k = (1 − q_k) · Π_{j<k} q_j, and the last level takes what is
    left, Π q_j. Of these come

        P_k = (1 − lapse) · p_k^(1/temperature) / Σ_j p_j^(1/temperature) + lapse / m

    The temperature (Guo et al. 2017, arXiv 1706.04599) works on the levels and not on the ratios: divided ratios make
    another level the likeliest. The lapse rate (Wichmann, Hill, Perception & Psychophysics 63, 2001) is for the states
    in which a model is sure and wrong. One temperature for these as well would make it unsure everywhere.

    Args:
        logits: [..., at least levels − 1]; columns beyond that are ignored.
        levels: number of levels m, at least 2.
        temperature: above 1 makes the model less sure, below 1 surer.
        lapse: share of the probability that goes to all levels alike, 0–1.

    Returns:
        float64 [..., m], each row a distribution.
    """
    used = np.asarray(logits, np.float64)[..., : levels - 1]
    if levels < 2 or used.shape[-1] != levels - 1:
        raise ValueError(f"{levels} levels need {levels - 1} logits, there are {used.shape[-1]}")
    zeros = np.zeros((*used.shape[:-1], 1))
    log_reached = np.concatenate([zeros, np.cumsum(-np.logaddexp(0.0, -used), axis=-1)], axis=-1)
    log_stop = np.concatenate([-np.logaddexp(0.0, used), zeros], axis=-1)
    scaled = (log_reached + log_stop) / temperature
    tempered = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: Float64Array = tempered / tempered.sum(axis=-1, keepdims=True)
    return (1.0 - lapse) * probabilities + lapse / levels


def sigmoid(logits: npt.ArrayLike) -> Float64Array:
    """1 / (1 + exp(−x)) without overflow, as (1 + tanh(x/2)) / 2."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, np.float64)))


def conformal_set(probabilities: npt.ArrayLike, threshold: float) -> tuple[int, ...]:
    """Levels that split conformal prediction keeps, and those between them.

    "Least ambiguous set-valued classifiers" (Sadinle, Lei, Wasserman, JASA 114, 2019): levels with a calibrated
    probability of at least `threshold`. The likeliest is always in, since a technician can't act on an empty set, and
    so are the levels between two that are: damage grows through them. Both can only raise the coverage.

    Args:
        probabilities: [m], of one component.
        threshold: chosen at calibration so that the true level reaches it in 90 % of windows.

    Returns:
        Neighbouring levels, at least one.
    """
    row = np.asarray(probabilities, np.float64)
    kept = np.flatnonzero((row >= threshold) | (np.arange(len(row)) == row.argmax()))
    return tuple(range(int(kept[0]), int(kept[-1]) + 1))
