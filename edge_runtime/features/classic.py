"""Feature set `classic-34`: 11 statistical, 12 frequency and 11 temporal features of a signal.

Missing is masked. With x the valid samples, and y the series with its gaps filled by straight lines (the ends hold):

    statistical  of x; masked with fewer than `MIN_SAMPLES` samples
        mean, std, min, max, median, p05, p25, p75, p95 (linear between samples), skewness m3/m2^1.5 and excess
        kurtosis m4/m2² − 3, all from population moments
    frequency    of y less its mean; masked when less than `MIN_COMPLETENESS` of the samples are valid
        amplitude_1 … amplitude_10: the ten largest of 2|FFT|/n, falling; so a sine's own amplitude, at any rate
        dominant_frequency: of the largest, Hz · spectral_entropy: of the power's shares, over its maximum, 0–1
    temporal     of y, masked likewise
        rolling_mean_w, rolling_std_w: of the last w samples, w = 5, 10, 30
        exponential_average: at the end, smoothing 0.1, begun with the first sample
        autocorrelation_l: at lag l samples, l = 1, 5, 10 · slope: of the least-squares line, over the whole window

Of a constant signal skewness, kurtosis, dominant frequency, entropy and autocorrelation are undefined: masked. So is
what a short series has no samples for.
"""

from enum import Enum, auto

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

STATISTICAL = ("mean", "std", "min", "max", "median", "p05", "p25", "p75", "p95", "skewness", "kurtosis")
FREQUENCY = (*(f"amplitude_{k}" for k in range(1, AMPLITUDES + 1)), "dominant_frequency", "spectral_entropy")
TEMPORAL = (
    *(f"rolling_{kind}_{width}" for kind in ("mean", "std") for width in WIDTHS),
    "exponential_average",
    *(f"autocorrelation_{lag}" for lag in LAGS),
    "slope",
)
CLASSIC = FeatureSpec("classic-34", 1, (*STATISTICAL, *FREQUENCY, *TEMPORAL))

Float64Array = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]


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
        values: [S, n], NaN where missing; of single precision, so that fourth powers stay in range.
        step_s: the grid's step, seconds.

    Returns:
        Features and mask, float32 [S, 34] each. A feature is 0 where its mask is 0.
    """
    present = np.isfinite(values)
    count = present.sum(axis=1)
    features = np.full((len(values), len(CLASSIC)), np.nan)
    some = np.flatnonzero(count >= MIN_SAMPLES)
    if len(some):
        features[some, : len(STATISTICAL)] = _statistical(values[some], count[some])
    most = np.flatnonzero((count >= MIN_SAMPLES) & (count >= MIN_COMPLETENESS * values.shape[1]))
    if len(most):
        filled = _fill_gaps(values[most], present[most])
        mean = filled.mean(axis=1, keepdims=True)
        varies = np.ptp(filled, axis=1) > CONSTANT * np.abs(filled).max(axis=1)
        features[most, len(STATISTICAL) : -len(TEMPORAL)] = _frequency(filled - mean, varies, step_s)
        features[most, -len(TEMPORAL) :] = _temporal(filled, mean, varies)
    mask = np.isfinite(features)
    return np.where(mask, features, 0.0).astype(np.float32), mask.astype(np.float32)


def _statistical(values: Float64Array, count: npt.NDArray[np.int64]) -> Float64Array:
    ranked = np.sort(values, axis=1)  # NaN last: the first `count` are the valid ones
    rows = np.arange(len(values))[:, None]
    rank = np.array([0.0, 1.0, 0.5, 0.05, 0.25, 0.75, 0.95]) * (count[:, None] - 1)
    below = rank.astype(np.int64)
    above = np.minimum(below + 1, count[:, None] - 1)
    low = ranked[rows, below]
    quantiles = low + (rank - below) * (ranked[rows, above] - low)

    mean = np.nanmean(values, axis=1)
    deviation = np.nan_to_num(values - mean[:, None])
    square = deviation * deviation
    m2, m3, m4 = (moment.sum(axis=1) / count for moment in (square, square * deviation, square * square))
    largest = np.maximum(np.abs(quantiles[:, 0]), np.abs(quantiles[:, 1]))
    m2_or_nan = np.where(quantiles[:, 1] - quantiles[:, 0] > CONSTANT * largest, m2, np.nan)
    return np.column_stack([
        mean, np.sqrt(m2), quantiles, m3 / m2_or_nan**1.5, m4 / m2_or_nan**2 - 3.0,
    ])  # fmt: skip


def _frequency(centred: Float64Array, varies: npt.NDArray[np.bool_], step_s: float) -> Float64Array:
    samples = centred.shape[1]
    amplitude = np.abs(np.fft.rfft(centred, axis=1)[:, 1:]) * (2.0 / samples)
    result = np.full((len(centred), len(FREQUENCY)), np.nan)
    bins = amplitude.shape[1]
    kept = min(AMPLITUDES, bins)
    result[:, :kept] = -np.sort(np.partition(-amplitude, kept - 1, axis=1)[:, :kept], axis=1)
    peak = (amplitude.argmax(axis=1) + 1) / (samples * step_s)
    result[:, AMPLITUDES] = np.where(varies, peak, np.nan)
    if bins > 1:
        power = amplitude[varies] ** 2
        share = power / power.sum(axis=1, keepdims=True)
        logarithm = np.log(share, out=np.zeros_like(share), where=share > 0)
        result[varies, AMPLITUDES + 1] = -(share * logarithm).sum(axis=1) / np.log(bins)
    return result


def _temporal(filled: Float64Array, mean: Float64Array, varies: npt.NDArray[np.bool_]) -> Float64Array:
    signals, samples = filled.shape
    result = np.full((signals, len(TEMPORAL)), np.nan)
    for column, width in enumerate(WIDTHS):
        if samples >= width:
            result[:, column] = filled[:, -width:].mean(axis=1)
            result[:, column + len(WIDTHS)] = filled[:, -width:].std(axis=1)
    weights = SMOOTHING * (1 - SMOOTHING) ** np.arange(samples - 1, -1, -1.0)
    weights[0] /= SMOOTHING
    result[:, 2 * len(WIDTHS)] = filled @ weights
    centred = filled - mean
    energy = np.where(varies, np.einsum("sn,sn->s", centred, centred), np.nan)
    for column, lag in enumerate(LAGS, start=2 * len(WIDTHS) + 1):
        if samples > lag:
            result[:, column] = np.einsum("sn,sn->s", centred[:, lag:], centred[:, :-lag]) / energy
    position = (np.arange(samples) + 0.5) / samples - 0.5
    result[:, -1] = centred @ position / (position @ position)
    return result


def _fill_gaps(values: Float64Array, present: npt.NDArray[np.bool_]) -> Float64Array:
    filled = values.copy()
    index = np.arange(values.shape[1])
    for row in np.flatnonzero(~present.all(axis=1)):
        valid = present[row]
        filled[row, ~valid] = np.interp(index[~valid], index[valid], values[row, valid])
    return filled
