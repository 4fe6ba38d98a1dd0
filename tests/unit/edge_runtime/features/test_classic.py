import numpy as np
import pytest
import scipy.signal
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_runtime.features.classic import (
    CLASSIC,
    CLASSIC_SCALING,
    FREQUENCY,
    STATISTICAL,
    TEMPORAL,
    Scaling,
    classic_features,
)

UNDEFINED_FOR_CONSTANTS = {
    "skewness", "kurtosis", "dominant_frequency", "spectral_entropy",
    "autocorrelation_1", "autocorrelation_5", "autocorrelation_10",
}  # fmt: skip

lively = hnp.arrays(np.float64, st.integers(31, 90), elements=st.floats(-1e3, 1e3, width=16)).filter(
    lambda values: np.std(values) > 1e-2
)


def features_of(values, step_s=1.0):
    """Name → value of one signal; NaN where masked."""
    features, mask = classic_features(np.asarray(values, np.float64)[None, :], step_s)
    assert features.dtype == mask.dtype == np.float32
    assert np.isfinite(features).all()
    assert set(np.unique(mask)) <= {0.0, 1.0}
    assert (features[mask == 0] == 0).all()
    return dict(zip(CLASSIC.names, np.where(mask > 0, features, np.nan)[0], strict=True))


def reference(values, step_s=1.0):
    """The same by scipy and numpy."""
    spectrum = np.abs(np.fft.rfft(values - np.mean(values)))[1:] * 2 / len(values)
    top = np.sort(spectrum)[::-1][:10]
    expected = {
        "mean": np.mean(values), "std": np.std(values), "min": np.min(values), "max": np.max(values),
        "median": np.median(values),
        **{f"p{q:02}": np.percentile(values, q) for q in (5, 25, 75, 95)},
        "skewness": scipy.stats.skew(values), "kurtosis": scipy.stats.kurtosis(values),
        **{f"amplitude_{k}": amplitude for k, amplitude in enumerate(top, start=1)},
        "dominant_frequency": np.fft.rfftfreq(len(values), step_s)[1:][spectrum.argmax()],
        "spectral_entropy": scipy.stats.entropy(spectrum**2) / np.log(len(spectrum)),
        **{f"rolling_mean_{w}": np.mean(values[-w:]) for w in (5, 10, 30)},
        **{f"rolling_std_{w}": np.std(values[-w:]) for w in (5, 10, 30)},
        "exponential_average": scipy.signal.lfilter([0.1], [1, -0.9], values, zi=[0.9 * values[0]])[0][-1],
        "slope": np.polyfit(np.arange(len(values)) / len(values), values, 1)[0],
    }  # fmt: skip
    centred = values - np.mean(values)
    for lag in (1, 5, 10):
        expected[f"autocorrelation_{lag}"] = centred[lag:] @ centred[:-lag] / (centred @ centred)
    return expected


def test_the_set_has_34_features_of_three_families():
    assert CLASSIC.id == "classic-34/1"
    assert (len(STATISTICAL), len(FREQUENCY), len(TEMPORAL), len(CLASSIC)) == (11, 12, 11, 34)
    assert len(set(CLASSIC.names)) == 34


@given(values=lively, step_s=st.sampled_from([0.01, 1.0, 2.5]))
def test_features_are_those_of_the_references(values, step_s):
    seen, expected = features_of(values, step_s), reference(values, step_s)
    scale = np.abs(values).max()
    spectrum = np.sort(np.abs(np.fft.rfft(values - values.mean()))[1:])
    assume(spectrum[-1] > spectrum[-2] * (1 + 1e-9))  # else the dominant one is a matter of rounding
    for name in CLASSIC.names:
        np.testing.assert_allclose(seen[name], expected[name], rtol=2e-5, atol=2e-6 * scale, err_msg=name)


@given(values=lively, offset=st.floats(-50, 50), scale=st.floats(0.1, 50))
def test_features_scale_as_they_say(values, offset, scale):
    raw, scaled = features_of(values), features_of((values - offset) / scale)
    for name, scaling in zip(CLASSIC.names, CLASSIC_SCALING, strict=True):
        if name == "dominant_frequency":  # equal amplitudes may swap by rounding
            continue
        expected = {
            Scaling.LEVEL: (raw[name] - offset) / scale,
            Scaling.SPREAD: raw[name] / scale,
            Scaling.NONE: raw[name],
        }[scaling]
        np.testing.assert_allclose(scaled[name], expected, rtol=1e-3, atol=1e-3 * max(1.0, 1 / scale), err_msg=name)


@given(
    values=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(0, 70)),
        elements=st.one_of(st.just(np.nan), st.just(5.0), st.floats(-(2.0**30), 2.0**30, width=32)),
    )
)
def test_whatever_is_missing_nothing_but_numbers_comes_out(values):
    features, mask = classic_features(values, 1.0)
    assert features.shape == mask.shape == (len(values), 34)
    assert np.isfinite(features).all()
    assert (features[mask == 0] == 0).all()


@given(values=hnp.arrays(np.float64, (4, 40), elements=st.one_of(st.just(np.nan), st.floats(-100, 100, width=16))))
def test_signals_do_not_touch_each_other(values):
    together = classic_features(values, 1.0)
    for row in range(len(values)):
        alone = classic_features(values[row : row + 1], 1.0)
        np.testing.assert_array_equal(together[1][row], alone[1][0])
        np.testing.assert_allclose(together[0][row], alone[0][0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 1e-3, 160.0, -2990.1])
def test_of_a_constant_what_is_undefined_is_masked(level):
    seen = features_of(np.full(60, level))
    assert {name for name, value in seen.items() if np.isnan(value)} == UNDEFINED_FOR_CONSTANTS
    assert seen["mean"] == seen["p95"] == seen["rolling_mean_30"] == np.float32(level)
    assert seen["std"] == pytest.approx(0, abs=1e-9)
    assert seen["slope"] == pytest.approx(0, abs=1e-9)


def test_rounding_noise_does_not_make_a_constant_vary():
    noise = np.random.default_rng(3).uniform(-1e-5, 1e-5, 60)
    seen = features_of(160.0 + noise)
    assert {name for name, value in seen.items() if np.isnan(value)} == UNDEFINED_FOR_CONSTANTS


@pytest.mark.parametrize("rate_hz", [1, 10, 100])
def test_a_sine_has_its_own_amplitude_and_frequency_at_any_rate(rate_hz):
    time = np.arange(60 * rate_hz) / rate_hz
    seen = features_of(50 + 3 * np.sin(2 * np.pi * 0.2 * time), 1 / rate_hz)
    assert seen["amplitude_1"] == pytest.approx(3, rel=1e-5)
    assert seen["amplitude_2"] == pytest.approx(0, abs=1e-5)
    assert seen["dominant_frequency"] == pytest.approx(0.2)
    assert seen["spectral_entropy"] == pytest.approx(0, abs=1e-6)


def test_statistics_are_of_the_valid_samples_alone():
    values = np.random.default_rng(4).normal(10, 2, 60)
    values[[0, 7, 8, 30, 59]] = np.nan
    seen, expected = features_of(values), reference(values[np.isfinite(values)])
    for name in STATISTICAL:
        assert seen[name] == pytest.approx(expected[name], rel=1e-5), name


def test_the_rest_is_of_the_series_with_gaps_filled_by_straight_lines():
    line = np.linspace(0, 59, 60)
    holed = line.copy()
    holed[[7, 8, 30, 31, 32]] = np.nan
    seen, expected = features_of(holed), reference(line)
    for name in (*FREQUENCY, *TEMPORAL):
        assert seen[name] == pytest.approx(expected[name], rel=1e-5), name


def test_half_empty_signals_keep_their_statistics_only():
    values = np.arange(60.0)
    values[10:45] = np.nan
    masked = {name for name, value in features_of(values).items() if np.isnan(value)}
    assert masked == {*FREQUENCY, *TEMPORAL}


def test_too_few_samples_give_nothing():
    values = np.full(60, np.nan)
    values[[3, 40]] = 1.0, 2.0
    assert all(np.isnan(value) for value in features_of(values).values())


def test_a_short_series_lacks_what_needs_more_samples():
    masked = {name for name, value in features_of(np.arange(10.0)).items() if np.isnan(value)}
    assert masked == {
        *(f"amplitude_{k}" for k in range(6, 11)), "rolling_mean_30", "rolling_std_30", "autocorrelation_10",
    }  # fmt: skip
