"""Degradation as a Wiener process with drift, seen with noise, and what its history lets it be.

    health(t) = level − loss · (t − now) + σ·B(t − now),    seen = health + noise of variance s²

B is Brownian motion: health wanders with load and oil as well as wearing down, so deviations from the line hang
together in time. An interval that takes them as independent, such as Sen's of the Theil–Sen slope, would call most such
wandering a trend. Given ρ = σ²·span/s², level and loss are a generalised least-squares estimate with Student's t
distribution; over ρ they are averaged with its restricted likelihood as weight, since a short history can't tell
wandering from noise.

After G. A. Whitmore, Estimating degradation by a Wiener diffusion process subject to measurement error, Lifetime Data
Analysis 1 (1995) 307–319; the likelihood after H. D. Patterson and R. Thompson, Biometrika 58 (1971) 545–554.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]

DRAWS = 2000
MAX_POINTS = 40
RATIOS = np.logspace(0, 4, 21)
"""ρ: from wandering that is as large, over the history, as the noise of one point; a few points can't exclude it."""
_LEAST_SQUARES = 1e-12  # of a history that lies on a line exactly


@dataclass(frozen=True, slots=True)
class Paths:
    """What the process may be, as equally likely draws; the same ones for the same history.

    Attributes:
        level: [DRAWS] health now.
        loss: [DRAWS] health lost per day.
        diffusion: [DRAWS] σ², health² per day.
    """

    level: Float64Array
    loss: Float64Array
    diffusion: Float64Array


def fit(ages: Float64Array, health: Float64Array) -> Paths:
    """What the process may be, given what was seen of it.

    Args:
        ages: [n] how long ago, days, not negative, on five days or more of the last ninety.
        health: [n], 0–1. More than MAX_POINTS are brought to medians over equal times, which bears single misjudged
            windows.
    """
    ages, widths, health = _medians(ages, health)
    span, degrees = float(np.ptp(ages)), len(ages) - 2
    design = np.column_stack([np.ones(len(ages)), ages])
    # The eigenvectors of the Brownian part are those of the whole covariance 1 + ρ·min(age, age), whatever ρ is.
    # The mean of B over a width w has the variance of its middle less w/6.
    variances, basis = np.linalg.eigh((np.minimum.outer(ages, ages) - np.diag(widths / 6)) / span)
    weights = 1 / (1 + np.outer(RATIOS, np.maximum(variances, 0.0)))
    turned, seen = basis.T @ design, basis.T @ health
    precision = np.einsum("rn,ni,nj->rij", weights, turned, turned)
    covariance = np.linalg.inv(precision)
    estimate = np.einsum("rij,rn,nj,n->ri", covariance, weights, turned, seen)
    squares = (weights * (seen - estimate @ turned.T) ** 2).sum(axis=1) + _LEAST_SQUARES
    likelihood = 0.5 * (np.log(weights).sum(axis=1) - np.log(np.linalg.det(precision)) - degrees * np.log(squares))
    share = np.exp(likelihood - likelihood.max())

    # Always the same random numbers: a forecast changes with its history, not by chance.
    random = np.random.default_rng(1)
    ratio = np.searchsorted(np.cumsum(share) / share.sum(), (np.arange(DRAWS) + 0.5) / DRAWS)
    noise = squares[ratio] / random.chisquare(degrees, DRAWS)
    spread = np.einsum("dij,dj->di", np.linalg.cholesky(covariance)[ratio], random.standard_normal((DRAWS, 2)))
    level, loss = (estimate[ratio] + np.sqrt(noise)[:, None] * spread).T
    return Paths(level, loss, RATIOS[ratio] * noise / span)


def _medians(ages: Float64Array, health: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Mean age, width in days and median health of each part of the time.

    About MAX_POINTS parts of the days that hold points: of a machine that stood still for months, a few days at either
    end, both ends would be a single part of all the time.
    """
    if len(ages) <= MAX_POINTS:
        return ages, np.zeros(len(ages)), health
    part_days = len(np.unique(np.floor(ages))) / MAX_POINTS
    number = np.floor(ages / part_days)
    order = np.lexsort((health, number))
    _, first, count = np.unique(number[order], return_index=True, return_counts=True)
    ages, ranked = ages[order], health[order]
    return (
        np.add.reduceat(ages, first) / count,
        np.maximum.reduceat(ages, first) - np.minimum.reduceat(ages, first),
        (ranked[first + (count - 1) // 2] + ranked[first + count // 2]) / 2,
    )
