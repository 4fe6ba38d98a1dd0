from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.store.block import Block
from agent.store.thinning import ThinningRule, Trigger, thin
from edge_runtime.features.sequence import window_means
from edge_runtime.quality import Quality, Reason, reason_of, status
from edge_runtime.reading import Series
from edge_runtime.resampling import SAMPLES
from edge_runtime.windowing import cut_window
from tests.columns import SECOND_US
from tests.models.tiny_bundle import WINDOW_US, tiny_machine

RULE = ThinningRule(
    min_rate_hz=10, before_us=2 * SECOND_US, after_us=5 * SECOND_US, triggers=(Trigger("EPS1", 500, 0),), own_change=20
)
EVER_US = 2**62
STEP_US = 100_000
NOISE = np.random.default_rng(3).normal(0, 0.1, 6000).round(2)
REST = 100 + NOISE[:600]


def block(ps1=REST, eps1=1000 + NOISE[600:1200], ts1=40 + NOISE[:60], start_us=0):
    """A minute at 10 Hz, TS1 at 1 Hz; received a millisecond late."""
    signals = {"PS1": (ps1, STEP_US), "EPS1": (eps1, STEP_US), "TS1": (ts1, SECOND_US)}
    times_us = np.concatenate([start_us + step * np.arange(len(values)) for values, step in signals.values()])
    return Block(
        tuple(signals),
        np.array([len(values) for values, _ in signals.values()], np.int64),
        times_us,
        times_us + 1000,
        np.concatenate([values for values, _ in signals.values()]),
        np.zeros(len(times_us), np.uint8),
    )


def series(block):
    return {
        sensor: Series(block.times_us[rows], block.values[rows], block.statuses[rows])
        for sensor, rows in block.by_sensor()
    }


def whole_seconds(block, sensor="PS1"):
    """The seconds in which every reading was kept."""
    times_us = series(block)[sensor].times_us
    seconds, counts = np.unique(times_us // SECOND_US, return_counts=True)
    return seconds[counts == SECOND_US // STEP_US].tolist()


def thinned(block, until_us=EVER_US, held_until_us=0, rule=RULE):
    return thin(rule, block, until_us, held_until_us).block


def stepping(values, second):
    """The same with a step at this second."""
    return values + np.where(np.arange(len(values)) * STEP_US >= second * SECOND_US, 1000.0, 0.0)


def test_a_second_at_rest_is_its_mean_with_the_smallest_and_the_largest_beside_it():
    before, after = series(block())["PS1"], series(thinned(block()))["PS1"]
    second = slice(100, 110)
    rows = np.flatnonzero(after.times_us // SECOND_US == 10)
    assert after.times_us[rows].tolist() == [before.times_us[100] + k for k in range(3)]
    assert after.values[rows] == pytest.approx(
        [before.values[second].mean(), before.values[second].min(), before.values[second].max()], rel=1e-7
    )
    assert reason_of(after.statuses[rows]).tolist() == [
        Reason.THINNED,
        Reason.THINNED_EXTREME,
        Reason.THINNED_EXTREME,
    ]


def test_only_the_edges_of_the_block_are_whole_where_nothing_happens():
    assert whole_seconds(thinned(block())) == [0, 57, 58, 59]


def test_slow_sensors_are_kept():
    assert series(thinned(block()))["TS1"].values.tolist() == series(block())["TS1"].values.tolist()


def test_around_a_change_of_the_trigger_every_fast_sensor_is_kept_from_before_it_until_after_it():
    found = thinned(block(eps1=stepping(1000 + NOISE[600:1200], 30)))
    for sensor in ("PS1", "EPS1"):
        assert whole_seconds(found, sensor) == [0, *range(28, 36), 57, 58, 59]


def test_around_a_sensors_own_step_only_that_sensor_is_kept():
    found = thinned(block(ps1=stepping(REST, 30)))
    assert whole_seconds(found, "PS1") == [0, *range(28, 36), 57, 58, 59]
    assert whole_seconds(found, "EPS1") == [0, 57, 58, 59]


def test_a_transient_at_the_end_holds_the_next_block():
    first = thin(RULE, block(eps1=stepping(1000 + NOISE[600:1200], 58)), EVER_US, 0)
    assert first.held_until_us == 63 * SECOND_US
    second = thinned(block(start_us=60 * SECOND_US), held_until_us=first.held_until_us)
    assert whole_seconds(second)[:3] == [60, 61, 62]
    assert whole_seconds(second)[3:] == [117, 118, 119]


def test_where_the_block_before_is_not_known_it_may_have_ended_with_a_transient():
    assert whole_seconds(thinned(block(), held_until_us=None)) == [0, 1, 2, 3, 4, 57, 58, 59]


def test_what_is_still_to_be_diagnosed_is_kept():
    assert whole_seconds(thinned(block(), until_us=20 * SECOND_US)) == [0, *range(20, 60)]


@pytest.mark.parametrize("reason", [Reason.OUT_OF_RANGE, Reason.IMPLAUSIBLE, Reason.CLOCK])
def test_a_second_with_a_reading_that_is_not_good_is_kept(reason):
    lowered = block()
    statuses = lowered.statuses.copy()
    statuses[305] = status(Quality.UNCERTAIN, reason)
    assert 30 in whole_seconds(thinned(replace(lowered, statuses=statuses)))


def test_a_value_that_is_no_number_is_kept():
    values = REST.copy()
    values[305] = np.nan
    assert 30 in whole_seconds(thinned(block(ps1=values)))


def test_readings_that_came_out_of_order_are_kept():
    mixed = block()
    times_us = mixed.times_us.copy()
    times_us[[200, 201]] = times_us[[201, 200]]
    found = thinned(replace(mixed, times_us=times_us))
    assert len(series(found)["PS1"]) == 600
    assert len(series(found)["EPS1"]) < 600


def test_a_constant_second_is_one_reading():
    found = series(thinned(block(ps1=np.zeros(600))))["PS1"]
    assert len(found) == 56 + 40
    assert not found.values.any()


def test_thinning_again_changes_nothing():
    once = thinned(block(eps1=stepping(1000 + NOISE[600:1200], 30)))
    twice = thinned(once)
    np.testing.assert_array_equal(once.times_us, twice.times_us)
    np.testing.assert_array_equal(once.values, twice.values)


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0, 200),
    st.sampled_from([0.0, 0.01, 1.0]),
    st.lists(st.integers(0, 599), max_size=4),
)
def test_windows_of_thinned_readings_have_the_means_of_the_whole_ones(seed, level, noise, steps):
    random = np.random.default_rng(seed)
    values = level + noise * random.normal(0, 1, 600) + sum(np.where(np.arange(600) >= at, 5.0, 0.0) for at in steps)
    whole = block(ps1=np.clip(values, 0, 250))
    left = thinned(whole)
    assert all((np.diff(part.times_us) > 0).all() for part in series(left).values())
    means = {}
    for name, readings in (("whole", whole), ("thinned", left)):
        (channel, *_) = cut_window(tiny_machine(), series(readings), 0, WINDOW_US).channels
        assert channel.completeness == 1.0
        means[name] = window_means(channel.values[None], channel.step_us, WINDOW_US, SAMPLES)
        share = 1 - len(whole_seconds(readings)) / 60
        assert channel.thinned == pytest.approx(share if name == "thinned" else 0.0)
    np.testing.assert_allclose(means["thinned"], means["whole"], rtol=3e-7, atol=1e-6)
