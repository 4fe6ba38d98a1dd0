from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.reading import Series
from edge_runtime.recording import Recording
from simulator.replay import LONGEST_PAUSE_US, Replay

SECOND = 1_000_000


def recording(**times_and_values):
    series = {
        name: Series.ordered(np.array(list(content), np.int64), np.array(list(content.values()), float))
        for name, content in times_and_values.items()
    }
    return Recording(Path("memory"), series)


@st.composite
def recordings(draw):
    contents = st.dictionaries(st.integers(0, 200 * SECOND), st.floats(allow_nan=False), min_size=1, max_size=20)
    return recording(**draw(st.dictionaries(st.sampled_from("ABCD"), contents, min_size=1)))


@given(recordings())
def test_every_sample_is_played_once_at_its_time(a_recording):
    played = [
        (sensor, instant.time_us, value)
        for instant in Replay(a_recording).instants(once=True)
        for sensor, value in instant.samples
    ]
    recorded = [
        (sensor, int(time), float(value))
        for sensor, series in a_recording.series.items()
        for time, value in zip(series.times_us, series.values, strict=True)
    ]
    assert sorted(played) == sorted(recorded)


@given(recordings())
def test_pauses_are_the_recorded_ones_but_for_long_gaps(a_recording):
    replay = Replay(a_recording)
    for one, following in pairwise(replay.instants(once=True)):
        recorded = following.time_us - one.time_us
        skipped = recorded > max(LONGEST_PAUSE_US, 2 * replay.step_us)
        assert following.pause_us == (replay.step_us if skipped else recorded)


def test_rounds_follow_each_other_without_a_seam():
    replay = Replay(recording(A={k * SECOND: float(k) for k in range(60)}))
    times = [instant.time_us for instant in islice(replay.instants(), 150)]
    assert times == [k * SECOND for k in range(150)]
    assert replay.span_us == 60 * SECOND


def test_a_gap_is_skipped_but_stays_in_the_times():
    replay = Replay(recording(A=dict.fromkeys([0, SECOND, 2 * SECOND, 3600 * SECOND], 1.0)))
    instants = list(replay.instants(once=True))
    assert [instant.time_us for instant in instants] == [0, SECOND, 2 * SECOND, 3600 * SECOND]
    assert [instant.pause_us for instant in instants] == [SECOND] * 4


def test_a_slow_recording_has_no_gap():
    replay = Replay(recording(A={k * 10 * SECOND: 1.0 for k in range(4)}))
    assert [instant.pause_us for instant in replay.instants(once=True)] == [10 * SECOND] * 4


def test_sensors_of_different_rates_share_instants():
    replay = Replay(recording(A={0: 1.0, 10: 2.0, 20: 3.0}, B={0: 4.0, 20: 5.0}))
    assert [instant.samples for instant in replay.instants(once=True)] == [
        (("A", 1.0), ("B", 4.0)),
        (("A", 2.0),),
        (("A", 3.0), ("B", 5.0)),
    ]


def test_a_recording_of_one_instant_can_be_replayed():
    assert [instant.time_us for instant in islice(Replay(recording(A={5: 1.0})).instants(), 3)] == [
        5,
        5 + SECOND,
        5 + 2 * SECOND,
    ]


def test_times_are_plain_integers():
    (instant,) = Replay(recording(A={5: 1.0})).instants(once=True)
    assert type(instant.time_us) is int
    assert type(instant.samples[0][1]) is float
    assert instant.pause_us == pytest.approx(SECOND)
