import time
from datetime import UTC, datetime, timedelta

import pytest

import agent.box_clock
from agent.box_clock import BUILD_TIME_US, BoxClock, kernel_says_synchronised
from edge_runtime.clock import ClockState


@pytest.fixture
def box(monkeypatch):
    """The box's clock: its time in seconds, and whether a time service steers it."""

    class Box:
        now_s = BUILD_TIME_US // 1_000_000 + 1_000_000
        synchronised = True

    monkeypatch.setattr(time, "time_ns", lambda: int(Box.now_s * 1e9))
    monkeypatch.setattr(time, "time", lambda: Box.now_s)
    monkeypatch.setattr(agent.box_clock, "kernel_says_synchronised", lambda: Box.synchronised)
    return Box


def test_a_synchronised_clock_raises_the_floor_for_the_next_start(box, tmp_path):
    file = tmp_path / "floor"
    assert BoxClock(file).keep_floor().state is ClockState.SYNCED
    seen_s = box.now_s
    box.now_s -= 3600
    later = BoxClock(file)
    assert later.assess().state is ClockState.SUSPECT
    assert later.at_least() == datetime.fromtimestamp(seen_s, UTC)


def test_a_clock_nobody_steers_leaves_the_floor_where_it_is(box, tmp_path):
    box.synchronised = False
    clock = BoxClock(tmp_path / "floor")
    assert clock.keep_floor().state is ClockState.BOUNDED
    assert not (tmp_path / "floor").exists()


def test_a_box_that_wakes_in_1970_knows_that_it_was_built_later(box, tmp_path):
    box.now_s = 0.0
    clock = BoxClock(tmp_path / "floor")
    assert clock.assess().state is ClockState.SUSPECT
    assert clock.at_least() == datetime.fromtimestamp(BUILD_TIME_US / 1e6, UTC)


def test_what_the_centre_signed_is_past(box, tmp_path):
    moment = datetime.fromtimestamp(box.now_s, UTC).replace(microsecond=0) + timedelta(days=30)
    clock = BoxClock(tmp_path / "floor")
    clock.signed(moment)
    assert clock.at_least() == moment
    assert BoxClock(tmp_path / "floor").at_least() == moment
    clock.signed(moment - timedelta(days=1))
    assert clock.at_least() == moment


def test_a_floor_that_cannot_be_written_is_told(box, tmp_path):
    clock = BoxClock(tmp_path / "missing" / "floor")
    with pytest.raises(OSError, match="missing"):
        clock.keep_floor()


def test_the_kernel_is_asked():
    assert kernel_says_synchronised() in {True, False}


def test_it_knows_since_when_it_has_gone_on_evenly(box, tmp_path):
    """What was stamped before that went by another time."""
    clock = BoxClock(tmp_path / "floor", monotonic_us=lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)
    clock.resume(None, 0)
    began_us = clock.since_us
    assert began_us <= clock.now_us()

    box.synchronised = False
    clock.follow()
    assert clock.since_us == began_us

    box.now_s += 86_400
    step = clock.follow()
    assert step is not None
    assert clock.since_us == step.after_us > began_us
