import numpy as np
import pytest

from edge_runtime.baseline.deviation import (
    CLIP,
    DEVIATIONS,
    LEAST_SPREAD_SHARE,
    compare,
    deviation_input,
)
from edge_runtime.baseline.profile import STATISTICS, profile
from edge_runtime.vocabulary import CANONICAL_CHANNELS, Port
from tests.models.working_machine import IDLING_W, MACHINE, baseline_of, window_at

BASELINE = baseline_of([window_at(number) for number in range(40)])
PS1, EPS1, FS1, TS1 = range(4)


def against_baseline(window):
    return compare(MACHINE, BASELINE, profile(window))


def test_a_healthy_window_is_within_a_few_spreads():
    assert np.abs(against_baseline(window_at(100)).deviation).max() < 6


def test_a_deviation_is_in_spreads_of_the_regime():
    found = against_baseline(window_at(100, pressure=163))
    expected, spread = found.expected[PS1, 0], found.spread[PS1, 0]
    assert expected == pytest.approx(160, abs=0.2)
    assert found.deviation[PS1, 0] == pytest.approx((163 - expected) / spread, abs=0.5)
    assert spread == pytest.approx(LEAST_SPREAD_SHARE * 250)


def test_what_is_far_out_is_clipped():
    assert against_baseline(window_at(100, flow=3)).deviation[FS1, 0] == -CLIP


def test_a_regime_never_seen_is_compared_with_nothing():
    found = against_baseline(window_at(100, power=IDLING_W))
    assert found.regime is None
    assert np.isnan(found.deviation).all()
    assert found.words is None


def test_hot_oil_is_compared_with_the_same_load_and_stands_out():
    found = against_baseline(window_at(100, oil=70))
    assert found.words == "EPS1 2250–3000 W, oil at any temperature"
    assert found.deviation[TS1, 0] == CLIP


def test_a_gap_masks_its_parts_and_does_not_move_the_mean():
    rising = np.linspace(0, 30, 60)

    def window(number, gap):
        made = window_at(number, noise=0.1)
        values = made.channels[PS1].values + rising.astype(np.float32)
        values[:30] = np.nan if gap else values[:30]
        channel = made.channels[PS1].__class__("PS1", 1_000_000, values)
        return made.__class__(made.machine, made.start_us, made.end_us, (channel, *made.channels[1:]))

    baseline = baseline_of([window(number, gap=False) for number in range(10)])
    found = compare(MACHINE, baseline, profile(window(50, gap=True)))
    assert np.isnan(found.deviation[PS1, 1:11]).all()
    assert np.abs(found.deviation[PS1, 11:]).max() < 3
    assert abs(found.deviation[PS1, 0]) < 3


def test_the_input_has_each_sensor_at_all_its_places():
    found = against_baseline(window_at(100, pressure=163))
    values, mask = deviation_input(MACHINE, found)
    assert values.shape == mask.shape == (4, DEVIATIONS)
    assert values.dtype == mask.dtype == np.float32
    at = values.reshape(4, len(CANONICAL_CHANNELS), STATISTICS)
    pump, valve = MACHINE.component_index["pump"], MACHINE.component_index["valve"]
    outlet, inlet = CANONICAL_CHANNELS.index(Port.PRESSURE_OUT), CANONICAL_CHANNELS.index(Port.PRESSURE_IN)
    np.testing.assert_allclose(at[pump, outlet], found.deviation[PS1], rtol=1e-6)
    np.testing.assert_array_equal(at[valve, inlet], at[pump, outlet])
    assert mask.sum() == 5 * STATISTICS  # PS1 twice, the other three once
    assert not values[mask == 0].any()


@pytest.mark.parametrize("silent", [("PS1",), ("EPS1",)], ids=["one sensor", "what tells the load"])
def test_what_is_missing_is_masked(silent):
    found = against_baseline(window_at(100, silent=silent))
    values, mask = deviation_input(MACHINE, found)
    assert mask.sum() == (3 * STATISTICS if silent == ("PS1",) else 0)
    assert np.isfinite(values).all()


def test_without_a_baseline_all_is_masked():
    values, mask = deviation_input(MACHINE, None)
    assert not values.any()
    assert not mask.any()
