"""Scores with their intervals over groups and seeds, from counts that add up.

Windows of one group are nearly copies; drawing windows would make an interval too narrow, so whole groups are drawn
(cluster bootstrap, Davison, Hinkley 1997, section 3.8). Every score here is a function of sums over windows, so a draw
is a weighted sum of the groups' counts. With few groups the interval is wide, and rightly so; with one there is none.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge_runtime.graph import Int64Array
from training.metrics import ECE_BINS, BoolArray, Float64Array

DRAWS = 1_000

Statistic = Callable[[Float64Array], Float64Array]
"""[draws, ...] counts → [draws] scores."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A score, the mean over seeds, with its 95 % bootstrap interval over groups; NaN bounds with a single group."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def interval(counts: Float64Array, statistic: Statistic, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """A score of counts and its percentile interval.

    Args:
        counts: [seeds, groups, ...], what the statistic is made of, summed over each group's windows.
        statistic: the score.
        draws: of the bootstrap; under each, the same groups are drawn for all seeds.
        seed: of the draws.
    """
    seeds, groups = counts.shape[:2]
    value = float(np.mean([statistic(each.sum(0, keepdims=True))[0] for each in counts]))
    if groups < 2:
        return Interval(value, float("nan"), float("nan"))
    weight = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), draws).astype(np.float64)
    drawn = [statistic(np.tensordot(weight, each, 1)) for each in counts]
    low, high = np.quantile(np.sum(drawn, axis=0) / seeds, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def confusion_counts(truth: Int64Array, level: Int64Array, groups: Int64Array, levels: int) -> Float64Array:
    """Windows by group, true level and level said, [groups, levels, levels + 1]; the last column is abstentions."""
    number = np.unique(groups, return_inverse=True)[1]
    counts = np.zeros((int(number.max()) + 1, levels, levels + 1))
    np.add.at(counts, (number, truth, np.where(level < 0, levels, level)), 1.0)
    return counts


def macro_f1_of(confusion: Float64Array) -> Float64Array:
    """Mean F1 over the levels that occur in the truth, of confusions [..., levels, levels + 1]."""
    levels = confusion.shape[-2]
    square = confusion[..., :levels]
    right = np.diagonal(square, axis1=-2, axis2=-1)
    true, said = confusion.sum(-1), square.sum(-2)
    occurs = true > 0
    f1 = np.where(occurs, 2 * right / np.maximum(true + said, 1e-12), 0.0)
    score: Float64Array = f1.sum(-1) / np.maximum(occurs.sum(-1), 1)
    return score


def calibration_counts(confidence: Float64Array, right: BoolArray, groups: Int64Array) -> Float64Array:
    """Windows, sum of confidence and number right, by group and confidence bin, [groups, bins, 3].

    Abstentions, whose confidence is NaN, aren't counted.
    """
    number = np.unique(groups, return_inverse=True)[1]
    answered = ~np.isnan(confidence)
    found = np.minimum((confidence[answered] * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    counts = np.zeros((int(number.max()) + 1, ECE_BINS, 3))
    rows = np.stack([np.ones(int(answered.sum())), confidence[answered], right[answered]], axis=1)
    np.add.at(counts, (number[answered], found), rows)
    return counts


def calibration_error_of(counts: Float64Array) -> Float64Array:
    """Expected calibration error of counts [..., bins, 3], as `training.metrics.calibration_error` has it."""
    error: Float64Array = np.abs(counts[..., 2] - counts[..., 1]).sum(-1) / np.maximum(counts[..., 0].sum(-1), 1)
    return error


def mean_counts(values: Float64Array, groups: Int64Array) -> Float64Array:
    """Number and sum of values by group, [groups, 2], for `mean_of`."""
    number = np.unique(groups, return_inverse=True)[1]
    counts = np.zeros((int(number.max()) + 1, 2))
    np.add.at(counts, number, np.stack([np.ones(len(values)), values], axis=1))
    return counts


def mean_of(counts: Float64Array) -> Float64Array:
    """Mean of counts [..., 2]."""
    mean: Float64Array = counts[..., 1] / np.maximum(counts[..., 0], 1)
    return mean
