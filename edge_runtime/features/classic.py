"""Feature set `classic-34`: 11 statistical, 12 frequency and 11 temporal features of a signal.

docs/features.md has the formula and unit of each. Missing is masked. With x the valid samples, and y the series with
its gaps filled by straight lines (the ends hold):

    statistical  of x; masked with fewer than `MIN_SAMPLES` samples, unless the series has no more
        mean, std, min, max, median, p05, p25, p75, p95 (linear between samples), skewness m3/m2^1.5 and excess
        kurtosis m4/m2² − 3, all from population moments
    frequency    of y less its mean; masked when less than `MIN_COMPLETENESS` of the samples are valid
        amplitude_1 … amplitude_10: the ten largest of 2|FFT|/n, falling; so a sine's own amplitude, at any rate
        dominant_frequency: of the largest, the lowest of equals, Hz
        spectral_entropy: of the power's shares, over its maximum, 0–1
    temporal     of y, masked likewise
        rolling_mean_w, rolling_std_w: of the last w samples, w = 5, 10, 30
        exponential_average: at the end, smoothing 0.1, begun with the first sample
        autocorrelation_l: at lag l samples, l = 1, 5, 10 · slope: of the least-squares line, over the whole window

Of a constant signal skewness, kurtosis, dominant frequency, entropy and autocorrelation are undefined: masked. So is
what a short series has no samples for: a single sample has a level but neither spread nor slope.
"""

from enum import Enum, auto
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge_runtime.features.spec import FeatureSpec

AMPLITUDES = 10
WIDTHS = (5, 10, 30)
LAGS = (1, 5, 10)
SMOOTHING = 0.1
MIN_SAMPLES = 3
MIN_COMPLETENESS = 0.5
# Samples that differ by less than this share of the largest are equal: single-precision sensors can't tell more.
CONSTANT = 1e-6
# Amplitudes nearer to the largest than this share are as large: which of them rounding favours must not matter.
EQUAL = 1e-9

# So many samples are worked on at once: their intermediate results stay in the processor's cache.
BLOCK_SAMPLES = 40_000

_SINGLE = np.finfo(np.float32)
_QUANTILES = np.array([0.0, 1.0, 0.5, 0.05, 0.25, 0.75, 0.95])
# What lies further back weighs less in the exponential average than a rounding error.
_EXPONENTIAL_REACH = 400

STATISTICAL = ("mean", "std", "min", "max", "median", "p05", "p25", "p75", "p95", "skewness", "kurtosis")
FREQUENCY = (*(f"amplitude_{k}" for k in range(1, AMPLITUDES + 1)), "dominant_frequency", "spectral_entropy")
TEMPORAL = (
    *(f"rolling_{kind}_{width}" for kind in ("mean", "std") for width in WIDTHS),
    "exponential_average",
    *(f"autocorrelation_{lag}" for lag in LAGS),
    "slope",
)
CLASSIC = FeatureSpec("classic-34", 1, (*STATISTICAL, *FREQUENCY, *TEMPORAL))
_MIN, _MAX = STATISTICAL.index("min"), STATISTICAL.index("max")

Float64Array = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Array = TypeVar("Array", Float64Array, BoolArray)


class Scaling(Enum):
    """How a feature changes when the signal becomes (signal − offset)/scale."""

    LEVEL = auto()  # (feature − offset)/scale
    SPREAD = auto()  # feature/scale
    NONE = auto()


_SCALE_FREE = {
    "skewness",
    "kurtosis",
    "dominant_frequency",
    "spectral_entropy",
    *(f"autocorrelation_{k}" for k in LAGS),
}
_SPREADS = {
    "std",
    "slope",
    *(f"amplitude_{k}" for k in range(1, AMPLITUDES + 1)),
    *(f"rolling_std_{w}" for w in WIDTHS),
}

CLASSIC_SCALING: tuple[Scaling, ...] = tuple(
    Scaling.NONE if name in _SCALE_FREE else Scaling.SPREAD if name in _SPREADS else Scaling.LEVEL
    for name in CLASSIC.names
)


def classic_features(values: Float64Array, step_s: float) -> tuple[Float32Array, Float32Array]:
    """`classic-34` of several signals on one grid.

    Args:
        values: [S, n]; missing is what is NaN, infinite or beyond single precision: fourth powers stay in range.
        step_s: the grid's step, seconds.

    Returns:
        Features and mask, float32 [S, 34] each. A feature is 0 where its mask is 0.
    """
    features = np.full((len(values), len(CLASSIC)), np.nan)
    block = max(1, BLOCK_SAMPLES // max(1, values.shape[1]))
    for first in range(0, len(values), block):
        _compute(values[first : first + block], step_s, features[first : first + block])
    mask = np.abs(features) <= _SINGLE.max
    return np.where(mask, features, 0.0).astype(np.float32), mask.astype(np.float32)


def _compute(values: Float64Array, step_s: float, features: Float64Array) -> None:
    """Fill `features`, [S, 34] of NaN, with those that can be computed."""
    present = np.abs(values) <= _SINGLE.max
    count = np.count_nonzero(present, axis=1)
    enough = count >= max(1, min(MIN_SAMPLES, values.shape[1]))
    most = enough & (count >= MIN_COMPLETENESS * values.shape[1])
    if not enough.any():
        return
    values, present, count = _rows(values, enough), _rows(present, enough), count[enough]
    gapless = bool(present.all())
    mean = (values if gapless else np.where(present, values, 0.0)).sum(axis=1) / count
    deviation = values - mean[:, None]
    features[enough, : len(STATISTICAL)] = _statistical(values, deviation, mean, present, count)
    if most.any():
        if gapless:
            filled, centred = values, deviation
        else:
            filled = _fill_gaps(values[most[enough]], present[most[enough]])
            centred = filled - filled.mean(axis=1, keepdims=True)
        varies = _varies(features[most, _MIN], features[most, _MAX])
        features[most, len(STATISTICAL) : -len(TEMPORAL)] = _frequency(centred, varies, step_s)
        features[most, -len(TEMPORAL) :] = _temporal(filled, centred, varies)


def _rows(array: Array, which: BoolArray) -> Array:
    """Those rows; not a copy when they are all."""
    return array if which.all() else array[which]


def _varies(smallest: Float64Array, largest: Float64Array) -> BoolArray:
    spread = largest - smallest
    return (spread > CONSTANT * np.maximum(np.abs(smallest), np.abs(largest))) & (spread > _SINGLE.tiny)


def _statistical(
    values: Float64Array, deviation: Float64Array, mean: Float64Array, present: BoolArray, count: Int64Array
) -> Float64Array:
    gapless = bool(present.all())
    ranked = np.sort(values if gapless else np.where(present, values, np.nan), axis=1)  # the first `count` are valid
    rows = np.arange(len(values))[:, None]
    rank = _QUANTILES * (count[:, None] - 1)
    below = rank.astype(np.int64)
    above = np.minimum(below + 1, count[:, None] - 1)
    low = ranked[rows, below]
    quantiles = low + (rank - below) * (ranked[rows, above] - low)

    if not gapless:
        deviation = np.where(present, deviation, 0.0)
    square = deviation * deviation
    m2 = square.sum(axis=1) / count
    m3 = np.einsum("sn,sn->s", square, deviation) / count
    m4 = np.einsum("sn,sn->s", square, square) / count
    shaped = _varies(quantiles[:, 0], quantiles[:, 1]) & (count >= MIN_SAMPLES)
    m2_or_nan = np.where(shaped, m2, np.nan)
    return np.column_stack([
        mean, np.where(count > 1, np.sqrt(m2), np.nan), quantiles, m3 / m2_or_nan**1.5, m4 / m2_or_nan**2 - 3.0,
    ])  # fmt: skip


def _frequency(centred: Float64Array, varies: BoolArray, step_s: float) -> Float64Array:
    samples = centred.shape[1]
    result = np.full((len(centred), len(FREQUENCY)), np.nan)
    spectrum = np.fft.rfft(centred, axis=1)[:, 1:]
    bins = spectrum.shape[1]
    if not bins:
        return result
    power = spectrum.real**2 + spectrum.imag**2
    kept = min(AMPLITUDES, bins)
    top = np.sort(np.partition(power, bins - kept, axis=1)[:, bins - kept :], axis=1)[:, ::-1]
    result[:, :kept] = np.sqrt(top) * (2.0 / samples)
    peak = (power >= (1 - EQUAL) ** 2 * top[:, :1]).argmax(axis=1) + 1
    result[:, AMPLITUDES] = np.where(varies, peak / (samples * step_s), np.nan)
    if bins > 1 and varies.any():
        power = _rows(power, varies)
        share = power / power.sum(axis=1, keepdims=True)
        information = np.einsum("sn,sn->s", share, np.log(np.maximum(share, _SINGLE.tiny)))
        result[varies, AMPLITUDES + 1] = -information / np.log(bins)
    return result


def _temporal(filled: Float64Array, centred: Float64Array, varies: BoolArray) -> Float64Array:
    signals, samples = filled.shape
    result = np.full((signals, len(TEMPORAL)), np.nan)
    for column, width in enumerate(WIDTHS):
        if samples >= width:
            last = filled[:, -width:]
            result[:, column] = last.sum(axis=1) / width
            away = last - result[:, column, None]
            result[:, column + len(WIDTHS)] = np.sqrt(np.einsum("sn,sn->s", away, away) / width)
    recent = filled[:, -_EXPONENTIAL_REACH:]
    weights = SMOOTHING * (1 - SMOOTHING) ** np.arange(recent.shape[1] - 1, -1, -1.0)
    weights[0] /= SMOOTHING
    result[:, 2 * len(WIDTHS)] = recent @ weights
    energy = np.where(varies, np.einsum("sn,sn->s", centred, centred), np.nan)
    for column, lag in enumerate(LAGS, start=2 * len(WIDTHS) + 1):
        if samples > lag:
            result[:, column] = np.einsum("sn,sn->s", centred[:, lag:], centred[:, :-lag]) / energy
    if samples > 1:
        position = (np.arange(samples) + 0.5) / samples - 0.5
        result[:, -1] = centred @ position / (position @ position)
    return result


def _fill_gaps(values: Float64Array, present: BoolArray) -> Float64Array:
    if present.all():
        return values
    filled = values.copy()
    index = np.arange(values.shape[1])
    for row in np.flatnonzero(~present.all(axis=1)):
        valid = present[row]
        filled[row, ~valid] = np.interp(index[~valid], index[valid], values[row, valid])
    return filled
