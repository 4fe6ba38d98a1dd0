import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sources.poll_schedule import PollSchedule


def test_the_phase_does_not_drift_however_long_polls_take():
    schedule = PollSchedule(0.01, 100.0)
    for k in range(100_000):
        assert schedule.due_s == pytest.approx(100.0 + k * 0.01, abs=1e-9)
        assert schedule.polled(schedule.due_s + 0.003) == 0


def test_late_polls_are_left_out_and_counted_not_bunched():
    schedule = PollSchedule(1.0, 0.0)
    assert schedule.polled(3.5) == 3
    assert schedule.due_s == 4.0


@given(st.floats(0.001, 10), st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(-1e6, 1e6))
def test_the_next_poll_is_never_past_and_always_on_the_grid(period, durations, start):
    schedule = PollSchedule(period, start)
    now, left_out = start, 0
    for duration in durations:
        now = max(now, schedule.due_s) + duration
        left_out += schedule.polled(now)
        assert schedule.due_s >= now - 1e-6
        assert schedule.due_s <= now + period + 1e-6
    ticks = (schedule.due_s - start) / period
    assert ticks == pytest.approx(len(durations) + left_out, abs=1e-3)


def test_polls_that_are_put_off_keep_their_phase_and_are_not_counted():
    schedule = PollSchedule(0.5, 0.1)
    schedule.put_off(3.3)
    assert schedule.due_s == pytest.approx(3.6)
    schedule.put_off(1.0)
    assert schedule.due_s == pytest.approx(3.6)
    assert schedule.polled(3.7) == 0
