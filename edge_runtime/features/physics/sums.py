"""Means, lines and planes over those samples of a window that are known and wanted."""

import numpy as np

from edge_runtime.features.physics.operation import BoolArray, Float64Array

_LEAST_SAMPLES = 3
# A straight line through samples that hardly differ has any slope.
_LEAST_SPREAD = 0.01
# What is left of a direction's square beside another that goes nearly the same way.
_PARALLEL = 1e-6


def mean_where(values: Float64Array, where: BoolArray) -> Float64Array:
    """Mean of [n, s] over the samples that are known and wanted, [n]; NaN from fewer than three."""
    return ratio_where(values, np.ones_like(values), where)


def ratio_where(numerator: Float64Array, denominator: Float64Array, where: BoolArray) -> Float64Array:
    """Sum over sum of [n, s] over the samples that are known and wanted, [n]; NaN from fewer than three.

    Energies and volumes are compared by it, not instantaneous values: a flow meter that lags does no harm.
    """
    used = where & np.isfinite(numerator) & np.isfinite(denominator)
    below = np.where(used, denominator, 0.0).sum(axis=1)
    above = np.where(used, numerator, 0.0).sum(axis=1)
    told = (used.sum(axis=1) >= _LEAST_SAMPLES) & (below > 0.0)
    ratio: Float64Array = np.divide(above, below, out=np.full(len(below), np.nan), where=told)
    return ratio


def line_where(x: Float64Array, y: Float64Array, where: BoolArray) -> tuple[Float64Array, Float64Array]:
    """Slope and intercept of the least-squares line y(x), [n] each, over the samples known and wanted.

    NaN from fewer than three samples, or where the standard deviation of x is under 0.01: give it as a share.
    """
    used = where & np.isfinite(x) & np.isfinite(y)
    count = used.sum(axis=1)
    number = np.maximum(count, 1)
    mean_x = np.where(used, x, 0.0).sum(axis=1) / number
    mean_y = np.where(used, y, 0.0).sum(axis=1) / number
    from_mean = np.where(used, x - mean_x[:, None], 0.0)
    square = (from_mean * from_mean).sum(axis=1)
    told = (count >= _LEAST_SAMPLES) & (square > number * _LEAST_SPREAD**2)
    product = (from_mean * np.where(used, y, 0.0)).sum(axis=1)
    slope = np.divide(product, square, out=np.full(len(square), np.nan), where=told)
    return slope, mean_y - slope * mean_x


def plane_where(
    x: Float64Array, beside: Float64Array, y: Float64Array, weight: Float64Array, where: BoolArray
) -> Float64Array:
    """Slope of y over x, [n], in the weighted least-squares plane y(x, beside) over the samples known and wanted.

    NaN from fewer than three samples, or where `beside` hardly spreads; see `line_where`.
    """
    used = where & np.isfinite(x) & np.isfinite(beside) & np.isfinite(y)
    shares = np.where(used, weight, 0.0)
    shares = shares / shares.sum(axis=1, keepdims=True)
    x, beside, y = (_from_mean(values, shares) for values in (x, beside, y))
    xx, xb, bb, xy, by = (
        (shares * one * other).sum(axis=1)
        for one, other in ((x, x), (x, beside), (beside, beside), (x, y), (beside, y))
    )
    told = (used.sum(axis=1) >= _LEAST_SAMPLES) & (bb > _LEAST_SPREAD**2) & (xx * bb - xb * xb > _PARALLEL * xx * bb)
    slope: Float64Array = np.where(told, (xy * bb - by * xb) / (xx * bb - xb * xb), np.nan)
    return slope


def moving_mean(values: Float64Array, width: int) -> Float64Array:
    """Means over `width` (odd) neighbouring samples, [n, s], at the middle one; NaN where any isn't known."""
    means = np.full_like(values, np.nan)
    samples = values.shape[1]
    if samples >= width:
        total = sum(values[:, start : samples - width + 1 + start] for start in range(width))
        means[:, width // 2 : samples - width // 2] = total / width
    return means


def inside(where: BoolArray) -> BoolArray:
    """Samples whose neighbours on both sides are wanted as well, [n, s]: no change of state blurs them."""
    kept = np.zeros_like(where)
    kept[:, 1:-1] = where[:, :-2] & where[:, 1:-1] & where[:, 2:]
    return kept


def _from_mean(values: Float64Array, shares: Float64Array) -> Float64Array:
    known = np.where(shares > 0.0, values, 0.0)
    centred: Float64Array = known - (shares * known).sum(axis=1, keepdims=True)
    return centred
