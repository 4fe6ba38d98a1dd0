import pytest
from structlog.testing import capture_logs

from agent.status import AgentStatus


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def status(clock):
    return AgentStatus(monotonic=clock)


def test_a_fault_is_said_once_and_once_when_it_is_over(status):
    with capture_logs() as said:
        status.report("store", healthy=True, message="open")
        for _ in range(5):
            status.report("store", healthy=False, message="disk full", hint="make room")
        for _ in range(5):
            status.report("store", healthy=True, message="stores again")
    assert [(line["event"], line["log_level"], line["message"]) for line in said] == [
        ("part_ready", "info", "open"),
        ("part_failed", "warning", "disk full"),
        ("part_recovered", "info", "stores again"),
    ]
    assert said[1]["hint"] == "make room"


def test_another_fault_of_the_same_part_is_said_too(status):
    with capture_logs() as said:
        status.report("plc", healthy=False, message="no register 7")
        status.report("plc", healthy=False, message="no connection")
    assert [line["message"] for line in said] == ["no register 7", "no connection"]


def test_a_condition_knows_since_when(status, clock):
    clock.now = 10.0
    status.report("store", healthy=True, message="open")
    clock.now = 20.0
    status.report("store", healthy=True, message="still open")
    assert status.snapshot().conditions["store"].since_s == 10.0


def test_a_task_without_progress_is_silent(status, clock):
    status.beat("recorder")
    clock.now = 30.0
    status.beat("housekeeping")
    clock.now = 61.0
    assert status.silent_tasks(60.0) == ["recorder"]
    status.beat("recorder")
    assert status.silent_tasks(60.0) == []


def test_a_snapshot_does_not_change_afterwards(status):
    before = status.snapshot()
    status.report("store", healthy=True, message="open")
    status.stored(5, 1_000)
    status.stored(7, 2_000)
    assert (before.readings, dict(before.conditions)) == (0, {})
    after = status.snapshot()
    assert (after.readings, after.last_reading_us) == (12, 2_000)
