"""From continuation-ratio logits to calibrated level probabilities and a conformal set of levels."""

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]


def level_probabilities(logits: npt.ArrayLike, levels: int, temperature: float = 1.0) -> Float64Array:
    """Probability of each level, from healthy to failed.

    Continuation-ratio model (A. Agresti, Categorical Data Analysis, 3rd ed., chapter 8): with
    q_k = sigmoid(logit_k / temperature) = P(level > k | level >= k), P(level = k) = (1 − q_k) · Π_{j<k} q_j, and the
    last level takes what is left, Π q_j.

    Args:
        logits: [..., at least levels − 1]; columns beyond that are ignored.
        levels: number of levels m, at least 2.
        temperature: scales the logits before use; above 1 makes the model less sure.

    Returns:
        float64 [..., m], each row a distribution.
    """
    used = np.asarray(logits, np.float64)[..., : levels - 1] / temperature
    if levels < 2 or used.shape[-1] != levels - 1:
        raise ValueError(f"{levels} levels need {levels - 1} logits, there are {used.shape[-1]}")
    go_on = sigmoid(used)
    ones = np.ones((*used.shape[:-1], 1))
    reached = np.concatenate([ones, np.cumprod(go_on, axis=-1)], axis=-1)
    stop = np.concatenate([sigmoid(-used), ones], axis=-1)
    probabilities: Float64Array = reached * stop
    return probabilities


def sigmoid(logits: npt.ArrayLike) -> Float64Array:
    """1 / (1 + exp(−x)) without overflow, as (1 + tanh(x/2)) / 2."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, np.float64)))


def conformal_set(probabilities: npt.ArrayLike, threshold: float) -> tuple[int, ...]:
    """Levels that split conformal prediction keeps: those with a calibrated probability of at least `threshold`.

    "Least ambiguous set-valued classifiers" (Sadinle, Lei, Wasserman, JASA 114, 2019). The likeliest level is always
    in, which can only raise the coverage: a technician can't act on an empty set.

    Args:
        probabilities: [m], of one component.
        threshold: chosen at calibration so that the true level is in the set in 90 % of windows.
    """
    row = np.asarray(probabilities, np.float64)
    return tuple(int(level) for level in np.flatnonzero((row >= threshold) | (np.arange(len(row)) == row.argmax())))
