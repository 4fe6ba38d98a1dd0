"""How good diagnoses of one condition are: right, calibrated, and honest about what they don't know.

An abstention is an answer that says "don't know". It counts as a miss in accuracy, F1 and balanced accuracy, and as the
set of all levels in coverage and set size; it has no confidence, so the calibration error leaves it out.
"""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score, recall_score

from edge_runtime.graph import Int64Array

ABSTAINED = -1
ECE_BINS = 15

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Predictions:
    """What was said of one condition in n windows, m levels each.

    Attributes:
        truth: int64 [n], the labelled level.
        level: int64 [n], the likeliest level; −1 = abstained.
        confidence: float64 [n], its calibrated probability; NaN where abstained.
        sets: bool [n, m], the conformal set; all true where abstained.
        probabilities: float64 [n, m], calibrated; None where they aren't known.
    """

    truth: Int64Array
    level: Int64Array
    confidence: Float64Array
    sets: BoolArray
    probabilities: Float64Array | None = None


@dataclass(frozen=True, slots=True)
class ConditionMetrics:
    """Measured on one condition; everything but `mean_set_size` is a share from 0 to 1.

    Attributes:
        ece: expected calibration error; 0 when every window abstained.
        coverage_90: how often the true level is in the 90 % conformal set.
        mean_set_size: levels in that set, on average.
        abstained: windows without an answer.
    """

    accuracy: float
    macro_f1: float
    balanced_accuracy: float
    ece: float
    coverage_90: float
    mean_set_size: float
    abstained: float

    def as_dict(self) -> dict[str, float]:
        """By name, for JSON and the manifest."""
        return asdict(self)


def measure(predictions: Predictions) -> ConditionMetrics:
    """All metrics of one condition's predictions, at least one."""
    answered = predictions.level != ABSTAINED
    right = predictions.level == predictions.truth
    covered = predictions.sets[np.arange(len(predictions.truth)), predictions.truth]
    return ConditionMetrics(
        accuracy=float(right.mean()),
        macro_f1=macro_f1(predictions.truth, predictions.level),
        balanced_accuracy=balanced_accuracy(predictions.truth, predictions.level),
        ece=calibration_error(predictions.confidence[answered], right[answered]),
        coverage_90=float(covered.mean()),
        mean_set_size=float(predictions.sets.sum(1).mean()),
        abstained=float(1 - answered.mean()),
    )


def macro_f1(truth: Int64Array, level: Int64Array) -> float:
    """Mean F1 over the levels that occur in the truth (scikit-learn's)."""
    return float(f1_score(truth, level, labels=np.unique(truth), average="macro", zero_division=0))


def balanced_accuracy(truth: Int64Array, level: Int64Array) -> float:
    """Mean recall over the levels that occur in the truth (scikit-learn's)."""
    return float(recall_score(truth, level, labels=np.unique(truth), average="macro", zero_division=0))


def calibration_error(confidence: Float64Array, right: BoolArray, bins: int = ECE_BINS) -> float:
    """Expected calibration error of the top level, Σ_b n_b/n · |accuracy_b − confidence_b| over equal bins.

    Guo, Pleiss, Sun, Weinberger 2017, arXiv 1706.04599, equation 3, with their 15 bins.
    """
    if not len(confidence):
        return 0.0
    number = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(number, right.astype(np.float64) - confidence, bins)
    return float(np.abs(gap).sum() / len(confidence))
