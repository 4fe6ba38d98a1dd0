"""The simple models, and what each says of a fold's test windows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from edge_runtime.graph import Int64Array
from training.baselines.estimators import CycleScaler, MiniRocket, PcaResidual
from training.metrics import Float64Array

MAJORITY, CLOCK, LDA = "majority class", "clock", "features + LDA"
TREES, BOOSTING, MINIROCKET = "extra trees", "gradient boosting", "MiniRocket"
CYCLE_LDA, CYCLE_SVM, PCA_RESIDUAL = "cycles + LDA", "cycles + SVM", "PCA residual"

SELECTED = 60
"""Features that the linear models get, by analysis of variance on the training windows."""

TREE_COUNT = 200
KERNELS = 2_520
"""A quarter of MiniRocket's usual ten thousand, so that a fold takes a second."""

Reads = Literal["start", "features", "cycles"]


@dataclass(frozen=True, slots=True)
class Contender:
    """A simple model.

    Attributes:
        name: as it stands in reports.
        reads: which of a window's inputs it gets.
        make: a new estimator in scikit-learn's manner, from a seed.
    """

    name: str
    reads: Reads
    make: Callable[[int], Any]


@dataclass(frozen=True, slots=True)
class BaselineInputs:
    """What contenders read of n windows.

    Attributes:
        start: float64 [n, 1], when each began, which is all that the clock reads.
        features: float64 [n, F]; NaN where missing.
        cycles: float64 [n, C, T]; NaN where missing.
    """

    start: Float64Array
    features: Float64Array
    cycles: Float64Array

    def rows(self, indices: Int64Array) -> "BaselineInputs":
        """Those of some windows."""
        return BaselineInputs(self.start[indices], self.features[indices], self.cycles[indices])


CONTENDERS = (
    Contender(MAJORITY, "start", lambda _: DummyClassifier(strategy="most_frequent")),
    Contender(CLOCK, "start", lambda _: KNeighborsClassifier(1)),
    Contender(LDA, "features", lambda _: make_pipeline(*_selected(), _shrinkage_lda())),
    Contender(
        TREES,
        "features",
        lambda seed: make_pipeline(_imputer(), ExtraTreesClassifier(TREE_COUNT, random_state=seed)),
    ),
    Contender(
        BOOSTING,
        "features",
        lambda seed: HistGradientBoostingClassifier(
            max_iter=100, max_leaf_nodes=8, max_features=0.2, early_stopping=False, random_state=seed
        ),
    ),
    Contender(
        MINIROCKET,
        "cycles",
        lambda seed: make_pipeline(
            CycleScaler(), MiniRocket(KERNELS, seed), StandardScaler(), RidgeClassifierCV(np.logspace(-3, 3, 10))
        ),
    ),
    Contender(CYCLE_LDA, "cycles", lambda _: make_pipeline(CycleScaler(), _flat(), _varying(), _shrinkage_lda())),
    Contender(
        CYCLE_SVM,
        "cycles",
        lambda _: make_pipeline(
            FunctionTransformer(_less_median), CycleScaler(), _flat(), _varying(), SVC(C=10.0, gamma="scale")
        ),
    ),
    Contender(PCA_RESIDUAL, "features", lambda _: make_pipeline(*_selected(), PcaResidual())),
)
"""In the order in which reports show them."""

ALL_CONTENDERS = tuple(contender.name for contender in CONTENDERS)
QUICK_CONTENDERS = (MAJORITY, CLOCK, LDA, CYCLE_LDA)
"""Those that take less than a second a fold."""


def ask_contender(
    contender: Contender,
    training: BaselineInputs,
    level: Int64Array,
    tests: Mapping[int, BaselineInputs],
    seed: int,
) -> dict[int, Int64Array]:
    """Fit a contender and let it speak.

    Args:
        contender: which.
        training: of the training windows.
        level: int64 [training windows], of one condition; −1 where unlabelled.
        tests: of the test windows, by how many sensors are missing in them.
        seed: of what is random in it.

    Returns:
        By how many sensors are missing, int64 [test windows].
    """
    known = level >= 0
    estimator = contender.make(seed)
    estimator.fit(getattr(training, contender.reads)[known], level[known])
    return {
        missing: np.asarray(estimator.predict(getattr(test, contender.reads)), np.int64)
        for missing, test in tests.items()
    }


def _imputer() -> Any:  # noqa: ANN401 - scikit-learn is untyped, here and below
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _varying() -> Any:  # noqa: ANN401
    return VarianceThreshold(1e-12)


def _selected() -> tuple[Any, ...]:
    return _imputer(), _varying(), StandardScaler(), SelectKBest(_variance_ratio, k=SELECTED)


def _variance_ratio(rows: Float64Array, level: Int64Array) -> Any:  # noqa: ANN401
    """F of an analysis of variance; infinite for a feature that doesn't vary within the levels."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return f_classif(rows, level)


def _shrinkage_lda() -> Any:  # noqa: ANN401
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def _flat() -> Any:  # noqa: ANN401
    return FunctionTransformer(_flatten)


def _flatten(cycles: Float64Array) -> Float64Array:
    return cycles.reshape(len(cycles), -1)


def _less_median(cycles: Float64Array) -> Float64Array:
    """Each channel of each cycle less its own median; a channel that is missing stays so."""
    gone = np.isnan(cycles).all(2, keepdims=True)
    median = np.nanmedian(np.where(gone, 0.0, cycles), axis=2, keepdims=True)
    return np.asarray(cycles - median, np.float64)
