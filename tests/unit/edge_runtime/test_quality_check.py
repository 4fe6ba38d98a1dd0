from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.machine_file import load_machine
from edge_runtime.plausibility import PlausibilityCheck
from edge_runtime.quality import Quality, Reason, quality_of, reason_of, status
from edge_runtime.quality_check import QualityCheck
from edge_runtime.reading import Series
from edge_runtime.recording import read_recording
from tests.columns import SECOND_US, beats, columns, signal
from tests.models.tiny_bundle import tiny_machine

CONFIGS = Path(__file__).parents[3] / "configs"
GOOD = Reason.NONE
BAD_READING = status(Quality.BAD, Reason.DEVICE_FAULT)
CLOCK_READING = status(Quality.UNCERTAIN, Reason.CLOCK)


def machine(**limits):
    """The tiny machine whose TS1, one reading a second, has these limits."""
    sensors = [one.model_copy(update=limits) if one.name == "TS1" else one for one in tiny_machine().sensors]
    return tiny_machine().model_copy(update={"sensors": tuple(sensors)})


def judged(series, *, beat_us=SECOND_US, doubted=(), delay_us=0, **limits):
    """Reasons of TS1's readings, judged beat by beat, and the qualities."""
    check = QualityCheck(machine(**limits))
    state = check.begin()
    found = []
    for beat in beats({"TS1": series}, beat_us):
        statuses, state = check.judge(state, replace(beat, received_us=beat.times_us + delay_us), doubted)
        found.append(statuses)
    statuses = np.concatenate(found)
    return reason_of(statuses).tolist(), quality_of(statuses).tolist()


def wave(count):
    return 40 + np.sin(np.arange(count) / 5)


def test_good_readings_stay_good():
    reasons, qualities = judged(signal(wave(300)), stuck_below=0.01, max_change_per_s=1)
    assert set(reasons) == {GOOD}
    assert set(qualities) == {Quality.GOOD}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.nan, Reason.NOT_A_NUMBER),
        (np.inf, Reason.NOT_A_NUMBER),
        (-20.01, Reason.OUT_OF_RANGE),
        (120.01, Reason.OUT_OF_RANGE),
        (120, GOOD),
        (-20, GOOD),
    ],
)
def test_a_value_that_cannot_be_is_bad_by_itself(value, reason):
    reasons, qualities = judged(signal([40, value, 41]))
    assert reasons == [GOOD, reason, GOOD]
    assert qualities == [Quality.GOOD, Quality.BAD if reason else Quality.GOOD, Quality.GOOD]


def test_what_the_source_found_stays_unless_it_is_worse():
    series = replace(
        signal([40, np.nan, 41, 500]),
        statuses=np.array([BAD_READING, BAD_READING, CLOCK_READING, CLOCK_READING], np.uint8),
    )
    assert judged(series)[0] == [Reason.DEVICE_FAULT, Reason.DEVICE_FAULT, Reason.CLOCK, Reason.OUT_OF_RANGE]


class TestJump:
    def test_a_lone_spike_is_left_out(self):
        assert judged(signal([40, 40, 90, 40, 40]), max_change_per_s=2)[0] == [GOOD, GOOD, Reason.JUMP, GOOD, GOOD]

    def test_a_real_step_is_accepted_once_three_agree(self):
        reasons, _ = judged(signal([40, 40, 90, 90.5, 91, 90, 90]), max_change_per_s=2)
        assert reasons == [GOOD, GOOD, Reason.JUMP, Reason.JUMP, GOOD, GOOD, GOOD]

    def test_wild_values_agree_with_nothing(self):
        reasons, _ = judged(signal([40, 90, 10, 60, 100, 40]), max_change_per_s=2)
        assert reasons == [GOOD, *[Reason.JUMP] * 4, GOOD]

    def test_as_long_as_a_gap_is_so_far_may_it_have_moved(self):
        before, after = signal([40, 40]), signal([60, 60], start_us=15 * SECOND_US)
        joined = Series.ordered(
            np.concatenate([before.times_us, after.times_us]), np.concatenate([before.values, after.values])
        )
        assert set(judged(joined, max_change_per_s=2)[0]) == {GOOD}

    def test_times_that_jitter_are_no_jumps(self):
        times_us = np.array([0, SECOND_US, SECOND_US + 10, 3 * SECOND_US])
        assert set(judged(Series.ordered(times_us, np.array([40, 41, 42, 43.0])), max_change_per_s=2)[0]) == {GOOD}

    @given(st.lists(st.sampled_from([40.0, 41.0, 70.0, 110.0, np.nan]), min_size=2, max_size=40), st.integers(1, 40))
    def test_it_does_not_matter_how_readings_are_cut_into_beats(self, values, seconds):
        series = signal(values)
        assert judged(series, beat_us=seconds * SECOND_US, max_change_per_s=2) == judged(series, max_change_per_s=2)


class TestStuck:
    def test_a_signal_that_does_not_move_is_stuck_after_its_time_and_free_with_the_first_movement(self):
        values = np.concatenate([wave(30), np.full(100, 40.0), wave(30) + 0.5])
        reasons, qualities = judged(signal(values), stuck_below=0.1)
        stuck = np.flatnonzero(np.array(reasons) == Reason.STUCK)
        assert stuck.tolist() == list(range(90, 130))
        assert all(qualities[row] == Quality.BAD for row in stuck)

    def test_noise_within_the_limit_is_no_movement(self):
        values = 40 + 0.05 * (np.arange(100) % 2)
        assert judged(signal(values), stuck_below=0.1)[0][-1] == Reason.STUCK
        assert judged(signal(values), stuck_below=0.01)[0][-1] == GOOD

    def test_a_signal_without_a_limit_may_rest(self):
        assert set(judged(signal(np.full(300, 40.0)))[0]) == {GOOD}

    def test_how_long_is_the_machine_files_affair(self):
        assert judged(signal(np.full(300, 40.0)), stuck_below=0, stuck_after_s=200)[0].index(Reason.STUCK) == 200

    def test_nobody_knows_whether_it_moved_in_a_gap(self):
        values = np.full(100, 40.0)
        series = signal(values)
        series = replace(series, times_us=np.where(np.arange(100) < 50, series.times_us, series.times_us + 20_000_000))
        assert set(judged(series, stuck_below=0)[0]) == {GOOD}

    def test_a_clock_that_steps_back_begins_anew(self):
        series = signal(np.full(50, 40.0))
        check = QualityCheck(machine(stuck_below=0))
        state = check.begin()
        for start_us in (100_000 * SECOND_US, 0):
            statuses, state = check.judge(state, columns({"TS1": replace(series, times_us=series.times_us + start_us)}))
            assert not statuses.any()

    def test_a_backlog_in_one_beat_is_judged_as_it_would_have_been_at_the_time(self):
        values = np.concatenate([wave(600), np.full(600, 40.0), wave(600)])
        reasons, _ = judged(signal(values), beat_us=2000 * SECOND_US, stuck_below=0.1)
        stuck = np.flatnonzero(np.array(reasons) == Reason.STUCK)
        assert 660 <= stuck[0] <= 680
        assert 1180 < stuck[-1] < 1210


class TestFlatLined:
    @pytest.mark.parametrize(("value", "flat"), [(120.0, True), (-20.0, True), (0.0, False), (119.0, False)])
    def test_resting_on_an_end_of_the_range_is_a_broken_wire(self, value, flat):
        reasons, _ = judged(signal(np.concatenate([wave(10), np.full(30, value)])))
        assert (reasons[-1] == Reason.FLAT_LINED) is flat
        assert Reason.FLAT_LINED not in reasons[:20]

    def test_touching_it_for_a_moment_is_not(self):
        values = np.where(np.arange(60) % 9 == 0, 30.0, 120.0)
        assert Reason.FLAT_LINED not in judged(signal(values))[0]

    def test_the_ends_can_be_said(self):
        values = np.full(30, 0.0)
        assert judged(signal(values), saturates_at=(0.0, 100.0))[0][-1] == Reason.FLAT_LINED
        assert judged(signal(np.full(30, 120.0)), saturates_at=())[0][-1] == GOOD

    def test_zero_is_no_end_for_a_machine_that_rests(self):
        assert machine(valid_min=0.0).sensor("TS1").ends == (120.0,)


class TestStale:
    def repeated(self, *, new_time):
        """Readings a second that arrive for a minute; the source time stands still after 20 s."""
        check = QualityCheck(machine())
        state = check.begin()
        found = []
        for second in range(60):
            time_us = second * SECOND_US if new_time or second < 20 else 20 * SECOND_US
            beat = columns({"TS1": signal([40.0], start_us=time_us)})
            statuses, state = check.judge(state, replace(beat, received_us=np.array([second * SECOND_US])))
            found.append(int(statuses[0]))
        return found

    def test_a_source_that_repeats_itself_is_uncertain_after_ten_periods(self):
        found = self.repeated(new_time=False)
        assert found[:30] == [0] * 30
        assert found[30:] == [status(Quality.UNCERTAIN, Reason.STALE)] * 30

    def test_a_source_whose_time_goes_on_is_not(self):
        assert not any(self.repeated(new_time=True))


def test_doubted_sensors_are_uncertain_and_their_bad_readings_stay_bad():
    reasons, qualities = judged(signal([40, 500, 41]), doubted={"TS1"})
    assert reasons == [Reason.IMPLAUSIBLE, Reason.OUT_OF_RANGE, Reason.IMPLAUSIBLE]
    assert qualities == [Quality.UNCERTAIN, Quality.BAD, Quality.UNCERTAIN]


def test_the_state_that_was_given_is_left_as_it_was():
    """So that readings that couldn't be stored can be judged again."""
    check = QualityCheck(machine(stuck_below=0, max_change_per_s=2))
    _, state = check.judge(check.begin(), columns({"TS1": signal(np.full(70, 40.0))}))
    again = columns({"TS1": signal([40.0, 90.0, 90.0, 90.0], start_us=70 * SECOND_US)})
    first, _ = check.judge(state, again)
    second, _ = check.judge(state, again)
    assert first.tolist() == second.tolist()
    assert first.any()


@pytest.mark.parametrize(("recording", "beat_s"), [("zema-full-rate", 1), ("zema-full-rate", 45), ("zema-sample", 20)])
def test_no_reading_of_a_shipped_recording_is_lowered(recording, beat_s):
    rig = load_machine(CONFIGS / "machines" / "zema.yaml")
    check = QualityCheck(rig)
    plausibility = PlausibilityCheck(rig)
    state = check.begin()
    for beat in beats(read_recording(CONFIGS / "recordings" / recording).series, beat_s * SECOND_US):
        statuses, state = check.judge(state, beat, plausibility.doubts)
        plausibility.observe(beat.judged(statuses))
        assert not statuses.any()
