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

SPREADS_AND_SHAPES = [
    name for name, kind in zip(CLASSIC.names, CLASSIC_SCALING, strict=True) if kind is not Scaling.LEVEL
]
NEED_TWO_SAMPLES = {"std", "slope", "dominant_frequency", "amplitude_1", *UNDEFINED_FOR_CONSTANTS}

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
        "dominant_frequency": np.fft.rfftfreq(len(values), step_s)[1:][np.argmax(spectrum >= top[0] * (1 - 1e-9))],
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


@given(values=lively, rate_hz=st.sampled_from([0.01, 0.4, 1.0, 100.0, 10_000.0]))
def test_features_are_those_of_the_references(values, rate_hz):
    seen, expected = features_of(values, 1 / rate_hz), reference(values, 1 / rate_hz)
    scale = np.abs(values).max()
    for name in CLASSIC.names:
        np.testing.assert_allclose(seen[name], expected[name], rtol=2e-5, atol=2e-6 * scale, err_msg=name)


@given(values=lively, offset=st.floats(-50, 50), scale=st.floats(0.1, 50))
def test_features_scale_as_they_say(values, offset, scale):
    raw, scaled = features_of(values), features_of((values - offset) / scale)
    for name, scaling in zip(CLASSIC.names, CLASSIC_SCALING, strict=True):
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
        elements=st.one_of(st.just(np.nan), st.just(5.0), st.floats(width=64)),
    )
)
def test_whatever_is_missing_nothing_but_numbers_comes_out(values):
    features, mask = classic_features(values, 1.0)
    assert features.shape == mask.shape == (len(values), 34)
    assert np.isfinite(features).all()
    assert (features[mask == 0] == 0).all()


@given(values=hnp.arrays(np.float64, (4, 40), elements=st.one_of(st.just(np.nan), st.floats(-100, 100, width=16))))
def test_signals_do_not_touch_each_other(values):
    assert_same_alone(values)


@pytest.mark.parametrize("samples", [60, 6000, 50_000])
def test_a_signal_has_the_same_features_alone_as_among_many(samples):
    rng = np.random.default_rng(samples)
    values = rng.normal(150, 5, (17, samples))
    values[5, rng.integers(0, samples, samples // 10)] = np.nan
    values[6] = 160.0
    values[7] = np.nan
    values[8] = np.sign(np.sin(2 * np.pi * np.arange(samples) / 20))  # several harmonics, equal halves
    assert_same_alone(values)


def assert_same_alone(values):
    together = classic_features(values, 1.0)
    for row in range(len(values)):
        alone = classic_features(values[row : row + 1], 1.0)
        np.testing.assert_array_equal(together[1][row], alone[1][0])
        np.testing.assert_allclose(together[0][row], alone[0][0], rtol=1e-5, atol=1e-5)


@given(values=lively, offset=st.sampled_from([2.0**20, -(2.0**23), 2.0**26]))
def test_a_huge_offset_hides_no_spread(values, offset):
    values = np.round(values * 4) * 16  # whole numbers: with the offset nothing is rounded away
    assume(np.ptp(values) > 1e-5 * abs(offset))
    low, high = features_of(values), features_of(values + offset)
    for name in SPREADS_AND_SHAPES:
        np.testing.assert_allclose(high[name], low[name], rtol=1e-5, atol=1e-5 * np.ptp(values), err_msg=name)


@given(
    values=lively,
    wild=st.lists(st.tuples(st.integers(0, 30), st.sampled_from([np.inf, -np.inf, 1e39, -1e300])), max_size=12),
)
def test_what_no_sensor_can_read_is_missing(values, wild):
    holed = values.copy()
    for place, value in wild:
        values[place], holed[place] = value, np.nan
    np.testing.assert_equal(features_of(values), features_of(holed))


@given(values=lively, gaps=st.sets(st.integers(0, 30), max_size=14))
def test_with_gaps_features_are_those_of_what_is_there(values, gaps):
    valid = np.ones(len(values), bool)
    valid[list(gaps)] = False
    assume(np.ptp(values[valid]) > 1e-2)
    index = np.arange(len(values))
    filled = np.interp(index, index[valid], values[valid])
    seen = features_of(np.where(valid, values, np.nan))
    statistical, rest = reference(values[valid]), reference(filled)
    for name in CLASSIC.names:
        expected = statistical[name] if name in STATISTICAL else rest[name]
        np.testing.assert_allclose(seen[name], expected, rtol=2e-5, atol=2e-6 * np.abs(values).max(), err_msg=name)


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


@pytest.mark.parametrize("rate_hz", [0.01, 1, 10, 100, 10_000])
def test_a_sine_has_its_own_amplitude_and_frequency_at_any_rate(rate_hz):
    periods, samples = 12, 6000
    seen = features_of(50 + 3 * np.sin(2 * np.pi * periods * np.arange(samples) / samples), 1 / rate_hz)
    assert seen["amplitude_1"] == pytest.approx(3, rel=1e-5)
    assert seen["amplitude_2"] == pytest.approx(0, abs=1e-5)
    assert seen["dominant_frequency"] == pytest.approx(periods * rate_hz / samples)
    assert seen["spectral_entropy"] == pytest.approx(0, abs=1e-6)


def test_of_equal_amplitudes_the_lowest_frequency_dominates():
    time = np.arange(60)
    for swapped in (1, -1):
        values = swapped * np.sin(2 * np.pi * 3 * time / 60) + np.cos(2 * np.pi * 7 * time / 60)
        assert features_of(values)["dominant_frequency"] == pytest.approx(3 / 60)


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


def test_too_few_samples_of_many_give_nothing():
    values = np.full(60, np.nan)
    values[[3, 40]] = 1.0, 2.0
    assert all(np.isnan(value) for value in features_of(values).values())


@pytest.mark.parametrize("samples", [0, 1, 2, 3, 10])
def test_a_short_series_lacks_what_needs_more_samples(samples):
    masked = {name for name, value in features_of(np.arange(samples) ** 1.5).items() if np.isnan(value)}
    expected = {name for name in CLASSIC.names if samples == 0}
    if samples < 2:
        expected |= NEED_TWO_SAMPLES
    if samples < 3:
        expected |= {"skewness", "kurtosis"}
    if samples < 4:  # of a single amplitude there is no entropy
        expected.add("spectral_entropy")
    expected |= {f"amplitude_{k}" for k in range(1, 11) if k > samples // 2}
    expected |= {f"rolling_{kind}_{width}" for kind in ("mean", "std") for width in (5, 10, 30) if width > samples}
    expected |= {f"autocorrelation_{lag}" for lag in (1, 5, 10) if lag >= samples}
    assert masked == expected


def test_a_single_sample_has_a_level():
    seen = features_of([7.5])
    assert seen["mean"] == seen["min"] == seen["median"] == seen["p95"] == seen["exponential_average"] == 7.5


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e10, 3e38])
def test_shapes_hold_over_the_whole_range_of_single_precision(scale):
    shape = np.random.default_rng(5).uniform(-1, 1, 60)
    seen, expected = features_of(shape * scale), reference(shape)
    for name, kind in zip(CLASSIC.names, CLASSIC_SCALING, strict=True):
        if kind is Scaling.NONE:
            assert seen[name] == pytest.approx(expected[name], rel=1e-5), name
