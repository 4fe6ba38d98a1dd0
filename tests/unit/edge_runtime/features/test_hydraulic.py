import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_runtime.features.hydraulic import ATMOSPHERE_BAR, HYDRAULIC, hydraulic_features

NONE = np.empty(0)
NO_PAIRS = np.empty((0, 2))


def ratios(pressures=NONE, temperatures=NONE, flows=NONE, shares=NONE, pairs=NO_PAIRS):
    features, mask = hydraulic_features(
        *(np.asarray(given, np.float64) for given in (pressures, temperatures, flows, shares)),
        np.asarray(pairs, np.float64).reshape(-1, 2),
    )
    return dict(zip(HYDRAULIC.names, np.where(mask > 0, features, np.nan), strict=True))


def test_each_ratio_by_hand():
    seen = ratios([160.0, 3.0], [38.0, 58.0], [0.8, 1.0], [1.0, 0.5], [[10.0, 2.0], [160.0, 150.0]])
    assert seen["pressure_ratio"] == pytest.approx((3 + ATMOSPHERE_BAR) / (160 + ATMOSPHERE_BAR))
    assert seen["temperature_spread"] == pytest.approx(0.5)
    assert seen["flow_per_pressure"] == pytest.approx(0.9 / 0.75)
    assert seen["cavitation_index"] == pytest.approx(8 / (10 + ATMOSPHERE_BAR))


def test_cavitation_index_is_the_usual_number_on_a_scale_from_0_to_1():
    inlet, outlet = 20 + ATMOSPHERE_BAR, 5 + ATMOSPHERE_BAR
    sigma = outlet / (inlet - outlet)
    assert ratios(pairs=[[20.0, 5.0]])["cavitation_index"] == pytest.approx(1 / (1 + sigma))


def test_missing_signals_are_left_out():
    seen = ratios([160.0, np.nan, 3.0], [38.0, np.nan], [np.nan], [1.0], [[np.nan, 2.0]])
    assert np.isfinite(seen["pressure_ratio"])
    assert all(np.isnan(seen[name]) for name in ("temperature_spread", "flow_per_pressure", "cavitation_index"))


def test_a_machine_without_signals_has_no_ratios():
    assert all(np.isnan(value) for value in ratios().values())


@pytest.mark.parametrize("share", [0.0, 0.009, -0.5])
def test_a_machine_that_stands_still_has_no_flow_per_pressure(share):
    assert np.isnan(ratios(flows=[1.0], shares=[share])["flow_per_pressure"])


floats = st.one_of(st.just(np.nan), st.floats(width=32), st.floats(-1e4, 1e4))
some = hnp.arrays(np.float64, st.integers(0, 5), elements=floats)


@given(some, some, some, some, hnp.arrays(np.float64, st.tuples(st.integers(0, 4), st.just(2)), elements=floats))
def test_whatever_is_measured_bounded_ratios_stay_bounded(pressures, temperatures, flows, shares, pairs):
    features, mask = hydraulic_features(pressures, temperatures, flows, shares, pairs)
    assert np.isfinite(features).all()
    assert (features[mask == 0] == 0).all()
    assert 0 <= features[0] <= 1
    assert features[1] >= 0
    assert 0 <= features[3] <= 1
