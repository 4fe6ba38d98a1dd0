"""Remaining life: when health will first be below a threshold, as quantiles; or refused, with the reason (ISO 13381-1).

For a Wiener process that loses ν a day and stands d above the threshold the time of the first passage is inverse
Gaussian with mean d/ν and shape d²/σ²; with ν < 0 it is one with |ν|, and only with probability exp(−2d|ν|/σ²) does the
passage happen at all (R. S. Chhikara and J. L. Folks, The Inverse Gaussian Distribution, 1989).
"""

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from edge_runtime.prognosis.wiener import Paths

Float64Array = npt.NDArray[np.float64]

FAILED_BELOW = 0.5
"""The failure criterion: below it severity is severe, and the field's thresholds call it critical."""
HORIZON_PER_HISTORY = 5.0
"""A forecast reaches at most so many times as far as the history that it is drawn from."""


class RemainingLife(BaseModel):
    """Days until health is first below `threshold`, or why none are given.

    `p10_days`: one in ten fails sooner; `p50_days`: half do; `p90_days`: one in ten lasts longer. It is null where that
    lies beyond `horizon_days`, further ahead than its history allows to look.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    threshold: float
    p10_days: float | None = None
    p50_days: float | None = None
    p90_days: float | None = None
    horizon_days: float | None = None
    refused: str | None = None


def forecast(paths: Paths, history_days: float, threshold: float = FAILED_BELOW) -> RemainingLife:
    """Quantiles of the first passage below a threshold.

    Args:
        paths: what the process may be; those that are there already pass at once.
        history_days: how long it was watched for.
        threshold: of health.
    """
    horizon_days = HORIZON_PER_HISTORY * history_days
    if float(np.median(paths.level)) < threshold:
        return RemainingLife(threshold=threshold, refused=f"health is already below {threshold:.0%}")
    passages = np.sort(_first_passages(paths, threshold))
    early, middle, late = (float(passages[round(share * (len(passages) - 1))]) for share in (0.1, 0.5, 0.9))
    if middle > horizon_days:
        return RemainingLife(
            threshold=threshold,
            horizon_days=horizon_days,
            refused=f"falling below {threshold:.0%} is more likely than not over {horizon_days:.0f} days away, too far "
            f"to foresee from {history_days:.0f} days of history",
        )
    return RemainingLife(
        threshold=threshold,
        p10_days=early,
        p50_days=middle,
        p90_days=late if late <= horizon_days else None,
        horizon_days=horizon_days,
    )


def _first_passages(paths: Paths, threshold: float) -> Float64Array:
    """One time for each path, days; infinite where it never passes."""
    random = np.random.default_rng(2)  # the same numbers for every history, as for the paths themselves
    distance = paths.level - threshold
    squared, chance, fate = random.standard_normal(len(distance)) ** 2, *random.random((2, len(distance)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        speed = np.abs(paths.loss) / distance  # 1/mean
        shape = distance**2 / paths.diffusion
        # J. R. Michael, W. R. Schucany and R. W. Haas, The American Statistician 30 (1976) 88–90; the smaller root
        # without its cancellation.
        smaller = 2 * shape / (2 * shape * speed + squared + np.sqrt(4 * shape * speed * squared + squared**2))
        days = np.where(chance <= 1 / (1 + smaller * speed), smaller, 1 / (speed**2 * smaller))
        ever = (paths.loss > 0) | (fate < np.exp(-2 * np.abs(paths.loss) * distance / paths.diffusion))
    return np.where(distance <= 0, 0.0, np.where(ever, days, np.inf))
