"""Other ways to the features of `classic-34`: those of tsfel and tsfresh that are the same, and all of it in pandas.

Each takes signals [S, n] and the sampling rate, and gives its answer by signal. A library that isn't installed has no
peer here; `make bench` installs them.
"""

import importlib.util
import warnings
from collections.abc import Callable, Mapping

import numpy as np
import scipy.stats

Answer = Mapping[str, np.ndarray]
Peer = Callable[[np.ndarray, float], Answer]

_TSFEL = {
    "statistical": ("Mean", "Standard deviation", "Min", "Max", "Median", "ECDF Percentile", "Skewness", "Kurtosis"),
    "spectral": ("Fundamental frequency", "Spectral entropy"),
    "temporal": ("Slope",),
}
_TSFRESH: Mapping[str, list[dict[str, object]] | None] = {
    "mean": None,
    "standard_deviation": None,
    "minimum": None,
    "maximum": None,
    "median": None,
    "quantile": [{"q": q} for q in (0.05, 0.25, 0.75, 0.95)],
    "skewness": None,
    "kurtosis": None,
    "autocorrelation": [{"lag": lag} for lag in (1, 5, 10)],
    "linear_trend": [{"attr": "slope"}],
    "fft_coefficient": [{"coeff": k, "attr": "abs"} for k in range(1, 11)],
}


def with_pandas(signals: np.ndarray, rate_hz: float) -> Answer:
    """All of `classic-34`, as a reader of the definitions would write it with pandas and scipy."""
    import pandas as pd  # noqa: PLC0415

    frame = pd.DataFrame(signals.T)
    samples = len(frame)
    spectrum = np.abs(scipy.fft.rfft((frame - frame.mean()).to_numpy(), axis=0))[1:] * 2 / samples
    answer = {
        "mean": frame.mean(),
        "std": frame.std(ddof=0),
        "min": frame.min(),
        "max": frame.max(),
        "median": frame.median(),
        **{f"p{round(100 * q):02}": frame.quantile(q) for q in (0.05, 0.25, 0.75, 0.95)},
        "skewness": scipy.stats.skew(frame),
        "kurtosis": scipy.stats.kurtosis(frame),
        **{f"amplitude_{k + 1}": top for k, top in enumerate(np.sort(spectrum, axis=0)[::-1][:10])},
        "dominant_frequency": scipy.fft.rfftfreq(samples, 1 / rate_hz)[1:][spectrum.argmax(axis=0)],
        "spectral_entropy": scipy.stats.entropy(spectrum**2) / np.log(len(spectrum)),
        **{f"rolling_mean_{w}": frame.rolling(w).mean().iloc[-1] for w in (5, 10, 30)},
        **{f"rolling_std_{w}": frame.rolling(w).std(ddof=0).iloc[-1] for w in (5, 10, 30)},
        "exponential_average": frame.ewm(alpha=0.1, adjust=False).mean().iloc[-1],
        **{f"autocorrelation_{lag}": frame.apply(pd.Series.autocorr, lag=lag) for lag in (1, 5, 10)},
        "slope": np.polyfit(np.arange(samples) / samples, frame.to_numpy(), 1)[0],
    }
    return {name: np.asarray(values) for name, values in answer.items()}


def with_tsfel(signals: np.ndarray, rate_hz: float) -> Answer:
    """The 14 that tsfel has as well."""
    import tsfel  # noqa: PLC0415

    every = tsfel.get_features_by_domain()
    chosen = {domain: {name: dict(every[domain][name]) for name in names} for domain, names in _TSFEL.items()}
    chosen["statistical"]["ECDF Percentile"]["parameters"] = {"percentile": "[0.05, 0.25, 0.75, 0.95]"}
    return _by_tsfel(chosen, signals, rate_hz)


def with_all_of_tsfel(signals: np.ndarray, rate_hz: float) -> Answer:
    """Its statistical, spectral and temporal sets as they come: what its users run."""
    import tsfel  # noqa: PLC0415

    every = tsfel.get_features_by_domain()
    return _by_tsfel({domain: every[domain] for domain in _TSFEL}, signals, rate_hz)


def _by_tsfel(chosen: Mapping[str, object], signals: np.ndarray, rate_hz: float) -> Answer:
    import pandas as pd  # noqa: PLC0415
    import tsfel  # noqa: PLC0415

    row = tsfel.time_series_features_extractor(chosen, pd.DataFrame(signals.T), fs=rate_hz, verbose=0).iloc[0]
    return {
        ours: np.array([row[f"{number}_{theirs}"] for number in range(len(signals))])
        for ours, theirs in {"mean": "Mean", "std": "Standard deviation", "kurtosis": "Kurtosis"}.items()
    }


def with_tsfresh(signals: np.ndarray, rate_hz: float) -> Answer:  # noqa: ARG001 - it knows no rates
    """The 25 that tsfresh has as well, or in another form."""
    import pandas as pd  # noqa: PLC0415
    from tsfresh.feature_extraction import extract_features  # noqa: PLC0415

    long = pd.DataFrame({"signal": np.repeat(np.arange(len(signals)), signals.shape[1]), "value": signals.ravel()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = extract_features(
            long, column_id="signal", default_fc_parameters=_TSFRESH, n_jobs=0, disable_progressbar=True
        )
    names = {"mean": "value__mean", "std": "value__standard_deviation", "p95": "value__quantile__q_0.95"}
    return {ours: found[theirs].to_numpy() for ours, theirs in names.items()}


def peers() -> tuple[dict[str, Peer], list[str]]:
    """What is installed, by what to call it, and the libraries that aren't."""
    known: tuple[tuple[str, str, Peer], ...] = (
        ("tsfel", "tsfel, the 14 it shares", with_tsfel),
        ("tsfel", "tsfel, its whole set", with_all_of_tsfel),
        ("tsfresh", "tsfresh, the 25 it shares", with_tsfresh),
        ("pandas", "pandas and scipy, all 34", with_pandas),
    )
    installed = {title: peer for library, title, peer in known if importlib.util.find_spec(library)}
    return installed, sorted({library for library, _, _ in known if not importlib.util.find_spec(library)})
