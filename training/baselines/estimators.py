"""Two classifiers of whole cycles that scikit-learn doesn't have, in its manner."""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.decomposition import PCA
from sktime.transformations.rocket import MiniRocketMultivariate

from edge_runtime.graph import Int64Array
from training.metrics import Float64Array

_SMALLEST_SPREAD = 1e-9


class CycleScaler(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Scale each channel of cycles [n, C, T] by its mean and spread in training; what is missing becomes the mean."""

    def fit(self, cycles: Float64Array, _: object = None) -> Self:
        """Take mean and standard deviation of each channel over windows and time."""
        known = ~np.isnan(cycles)
        count = np.maximum(known.sum((0, 2), keepdims=True), 1)
        self.mean_ = np.where(known, cycles, 0.0).sum((0, 2), keepdims=True) / count
        spread = np.sqrt(np.where(known, (cycles - self.mean_) ** 2, 0.0).sum((0, 2), keepdims=True) / count)
        self.spread_ = np.where(spread > _SMALLEST_SPREAD, spread, 1.0)
        return self

    def transform(self, cycles: Float64Array) -> Float64Array:
        """[n, C, T] → [n, C, T]."""
        scaled: Float64Array = np.nan_to_num((cycles - self.mean_) / self.spread_, nan=0.0)
        return scaled


class MiniRocket(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """sktime's MiniRocket of cycles [n, C, T] (Dempster, Schmidt, Webb, KDD 2021, arXiv 2012.08791).

    Args:
        kernels: features that come out, about.
        seed: of its channel combinations and biases.
    """

    def __init__(self, kernels: int, seed: int) -> None:
        self.kernels = kernels
        self.seed = seed

    def fit(self, cycles: Float64Array, _: object = None) -> Self:
        """Draw the biases from the training cycles."""
        self.rocket_ = MiniRocketMultivariate(num_kernels=self.kernels, random_state=self.seed, n_jobs=1)
        self.rocket_.fit(cycles.astype(np.float32))
        return self

    def transform(self, cycles: Float64Array) -> Float64Array:
        """[n, C, T] → float64 [n, kernels]."""
        return np.asarray(self.rocket_.transform(cycles.astype(np.float32)), np.float64)


class PcaResidual(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The level whose principal components leave the least of a row unexplained.

    One PCA a level, and the residual (Q statistic) beside what it is in that level's training rows: soft independent
    modelling of class analogies, S. Wold, Pattern Recognition 8, 1976.

    Args:
        explained: share of the variance that the components of a level keep.
    """

    def __init__(self, explained: float = 0.95) -> None:
        self.explained = explained

    def fit(self, rows: Float64Array, level: Int64Array) -> Self:
        """Find the components of each level that occurs in `level`."""
        self.classes_ = np.unique(level)
        self.models_ = []
        for one in self.classes_:
            own = rows[level == one]
            model = PCA(self.explained, svd_solver="full").fit(own)
            self.models_.append((model, max(float(np.median(_residual(model, own))), _SMALLEST_SPREAD)))
        return self

    def predict(self, rows: Float64Array) -> Int64Array:
        """int64 [n]."""
        ratios = np.stack([_residual(model, rows) / usual for model, usual in self.models_], axis=1)
        found: Int64Array = self.classes_[ratios.argmin(1)]
        return found


def _residual(model: PCA, rows: Float64Array) -> Float64Array:
    left: Float64Array = ((rows - model.inverse_transform(model.transform(rows))) ** 2).sum(1)
    return left
