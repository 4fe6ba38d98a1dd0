import numpy as np
import pytest

from edge_runtime.jump import CONSISTENT_SAMPLES, Level, Track, follow

PERIOD_US = 1_000_000
PER_US = 2e-6


def jumps(values, *, times_s=None, track=None):
    times_us = (np.arange(1, len(values) + 1) if times_s is None else np.array(times_s)) * PERIOD_US
    return follow(
        track or Track(Level(10.0, 0)),
        times_us.astype(np.int64),
        np.array(values, np.float64),
        per_us=PER_US,
        period_us=PERIOD_US,
    )


@pytest.mark.parametrize("spike", range(1, CONSISTENT_SAMPLES))
def test_fewer_than_make_a_level_are_a_spike(spike):
    found, track = jumps([10, *[50] * spike, 10, 10])
    assert found.tolist() == [False, *[True] * spike, False, False]
    assert track.candidate is None


def test_a_new_level_may_be_reached_on_a_slope():
    found, track = jumps([50, 51.5, 53, 54])
    assert found.tolist() == [True, True, False, False]
    assert track.accepted == Level(54.0, 4 * PERIOD_US)


def test_what_agrees_is_counted_across_batches():
    _, track = jumps([10, 50])
    found, _ = jumps([50, 50], times_s=[3, 4], track=track)
    assert found.tolist() == [True, False]


def test_a_late_reading_is_left_as_it_is_and_changes_nothing():
    _, track = jumps([10, 11])
    found, after = jumps([90], times_s=[1], track=track)
    assert not found.any()
    assert after == track
