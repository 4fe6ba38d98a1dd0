import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.machine import Component, Machine, Sensor
from edge_runtime.quality import Quality, Reason, status
from edge_runtime.reading import Series
from edge_runtime.vocabulary import ComponentType, Port, Quantity
from edge_runtime.window import ChannelWindow
from edge_runtime.windowing import WindowSchedule, cut_window, window_starts

SECOND = 1_000_000
MINUTE = 60 * SECOND
START = 1_420_070_400 * SECOND


def machine(rate_hz: float = 1.0) -> Machine:
    sensor = Sensor(
        name="PS1",
        quantity=Quantity.PRESSURE,
        unit="bar",
        component="pump",
        port=Port.PRESSURE_OUT,
        rate_hz=rate_hz,
        valid_min=0,
        valid_max=400,
    )
    return Machine(name="m", components=(Component(name="pump", type=ComponentType.GEAR_PUMP),), sensors=(sensor,))


def cut(times_s, values, *, rate_hz: float = 1.0, quality: dict[int, int] | None = None) -> ChannelWindow:
    times_us = START + np.round(np.asarray(times_s, np.float64) * SECOND).astype(np.int64)
    marks = np.zeros(len(times_us), np.uint8)
    for index, mark in (quality or {}).items():
        marks[index] = mark
    series = {"PS1": Series.ordered(times_us, np.asarray(values, np.float64), marks)}
    (channel,) = cut_window(machine(rate_hz), series, START, START + MINUTE).channels
    return channel


def test_a_reading_a_slot_is_kept_as_it_is():
    channel = cut(range(-5, 70), range(75))
    assert channel.step_us == SECOND
    assert channel.values.tolist() == list(range(5, 65))
    assert channel.values.dtype == np.float32


def test_slow_recording_of_a_fast_sensor_has_no_gaps():
    channel = cut(range(60), np.arange(60), rate_hz=100)
    assert channel.step_us == SECOND
    assert channel.completeness == 1.0


def test_native_rate_stays_native():
    channel = cut(np.arange(6000) / 100, np.arange(6000) % 300, rate_hz=100)
    assert (channel.step_us, len(channel.values)) == (10_000, 6000)
    assert channel.completeness == 1.0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, -0.001, 400.001])
def test_a_wrong_value_is_a_gap(wrong):
    values = np.full(60, 100.0)
    values[7] = wrong
    channel = cut(range(60), values)
    assert np.flatnonzero(np.isnan(channel.values)).tolist() == [7]


def test_a_bad_reading_is_a_gap_and_an_uncertain_one_is_not():
    channel = cut(range(60), np.full(60, 100.0), quality={3: Quality.BAD, 9: Quality.UNCERTAIN})
    assert np.flatnonzero(np.isnan(channel.values)).tolist() == [3]


@pytest.mark.parametrize(
    ("values", "quality", "doubt"),
    [
        ([100, 100, 100], {}, Reason.NONE),
        ([np.nan, 100, 500], {}, Reason.NOT_A_NUMBER),
        ([500, 100, 500], {}, Reason.OUT_OF_RANGE),
        (
            [100, np.nan, 100],
            {0: status(Quality.BAD, Reason.STUCK), 2: status(Quality.BAD, Reason.STUCK)},
            Reason.STUCK,
        ),
        ([100, 100, 100], {1: status(Quality.UNCERTAIN, Reason.IMPLAUSIBLE)}, Reason.IMPLAUSIBLE),
    ],
)
def test_a_channel_says_why_its_readings_were_not_good(values, quality, doubt):
    assert cut(range(3), values, quality=quality).doubt is doubt


def test_the_ends_of_the_valid_range_are_valid():
    assert cut([0, 1], [0.0, 400.0]).values[:2].tolist() == [0.0, 400.0]


def test_jittered_sampling_leaves_no_gap():
    rng = np.random.default_rng(1)
    times = np.arange(60) + rng.uniform(0, 0.9, 60)
    assert cut(times, np.full(60, 5.0)).completeness == 1.0
    late = np.delete(np.arange(60.0), 30)
    assert cut(late, late).values[30] == 29.0


def test_a_longer_silence_is_held_for_one_slot_only():
    times = np.delete(np.arange(60.0), [30, 31, 32])
    channel = cut(times, times)
    assert channel.values[30] == 29.0
    assert np.flatnonzero(np.isnan(channel.values)).tolist() == [31, 32]


def test_several_readings_of_a_slot_are_averaged():
    times = np.sort([*range(60), 10.5])
    values = np.zeros(61)
    values[10:12] = [1.0, 3.0]
    assert cut(times, values).values[10] == 2.0


def test_a_silent_sensor_has_no_samples():
    channel = cut([-1.0, 60.0], [1.0, 2.0])
    assert len(channel.values) == 0
    assert channel.completeness == 0.0
    window = cut_window(machine(), {}, START, START + MINUTE)
    assert [len(channel.values) for channel in window.channels] == [0]
    assert window.completeness == 0.0


def test_one_reading_is_one_sample_at_the_sensors_own_step():
    channel = cut([30.0], [8.0], rate_hz=0.1)
    assert channel.step_us == 10 * SECOND
    assert channel.values[3] == 8.0


@given(
    times=st.lists(st.integers(-5_000_000, 65_000_000), max_size=80, unique=True),
    rate_hz=st.sampled_from([0.1, 1.0, 7.0, 100.0]),
    data=st.data(),
)
def test_any_series_gives_a_grid_that_covers_the_window(times, rate_hz, data):
    values = data.draw(st.lists(st.floats(width=32), min_size=len(times), max_size=len(times)))
    channel = cut(np.sort(times) / SECOND, values, rate_hz=rate_hz)
    assert channel.step_us % round(SECOND / rate_hz) == 0
    if len(channel.values):
        assert (len(channel.values) - 1) * channel.step_us < MINUTE <= len(channel.values) * channel.step_us
    seen = channel.values[np.isfinite(channel.values)]
    assert np.all((seen >= 0) & (seen <= 400))


@given(first=st.integers(0, 2**53), span=st.integers(0, 10**9), length=st.integers(1, 10**8))
def test_window_starts_are_aligned_and_cover_the_span(first, span, length):
    span = min(span, 50 * length)
    starts = window_starts(first, first + span, length)
    assert all(start % length == 0 for start in starts)
    assert starts[0] <= first < starts[0] + length
    assert starts[-1] <= first + span < starts[-1] + length


class TestWindowSchedule:
    def test_a_window_is_due_when_its_end_and_the_lateness_have_passed(self):
        schedule = WindowSchedule(60, 5)
        schedule.observe([0, 64])
        assert schedule.due() == []
        schedule.observe([65])
        assert schedule.due() == [0]

    def test_nothing_is_due_before_anything_was_seen(self):
        schedule = WindowSchedule(60, 5)
        schedule.observe([])
        assert schedule.due() == []

    def test_a_window_stays_due_until_it_is_done(self):
        schedule = WindowSchedule(60, 0)
        schedule.observe([1, 61, 121])
        assert schedule.due() == [0, 60]
        assert schedule.due() == [0, 60]
        schedule.done(0)
        assert schedule.due() == [60]

    def test_readings_of_a_window_that_is_done_are_too_late(self):
        schedule = WindowSchedule(60, 0)
        schedule.observe([1, 61])
        schedule.done(0)
        schedule.observe([5, 200])
        assert schedule.due() == [60]

    def test_late_readings_of_an_open_window_bring_it_up(self):
        schedule = WindowSchedule(60, 100)
        schedule.observe([1, 130])
        schedule.observe([61])
        schedule.observe([400])
        assert schedule.due() == [0, 60, 120]

    def test_a_silence_brings_up_no_empty_windows(self):
        schedule = WindowSchedule(60, 0)
        schedule.observe([1])
        schedule.observe([3_000_000, 3_000_100])
        assert schedule.due() == [0, 3_000_000]

    def test_it_begins_anew_when_the_sources_clocks_are_set_back(self):
        schedule = WindowSchedule(MINUTE, 0)
        ahead = START + 7200 * SECOND
        schedule.observe([ahead, ahead + MINUTE])
        schedule.done(ahead)
        schedule.observe([START])
        schedule.observe([START + MINUTE])
        assert schedule.due() == [START]

    def test_it_goes_on_where_it_was_told_to(self):
        schedule = WindowSchedule(60, 0, next_start_us=120)
        schedule.observe([1, 61, 121, 181])
        assert schedule.due() == [120]

    @given(times=st.lists(st.integers(0, 5000), min_size=1, max_size=60), lateness=st.integers(0, 200))
    def test_each_window_with_readings_comes_up_once_in_order(self, times, lateness):
        times.sort()
        schedule = WindowSchedule(60, lateness)
        closed = []
        for time in times:
            schedule.observe([time])
            for start in schedule.due():
                closed.append(start)
                schedule.done(start)
        assert closed == sorted({t - t % 60 for t in times if t - t % 60 + 60 + lateness <= times[-1]})
