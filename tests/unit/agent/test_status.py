import pytest
from structlog.testing import capture_logs

from agent.status import AgentStatus
from edge_runtime.quality import Reason
from edge_runtime.sensor_health import SensorHealth


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


def test_what_a_part_that_works_does_by_now_is_shown_and_not_logged(status):
    with capture_logs() as said:
        status.report("model", healthy=True, message="tiny 1.0.0")
        status.describe("model", "tiny 1.1.0")
    assert len(said) == 1
    assert status.snapshot().conditions["model"].message == "tiny 1.1.0"
    with capture_logs():
        status.report("model", healthy=False, message="out of memory")
        status.describe("model", "tiny 1.1.0")
    assert status.snapshot().conditions["model"].message == "out of memory"


def sensors(**silent):
    return tuple(
        SensorHealth(name, Reason.NONE, one, "no readings come" if one else "", {}) for name, one in silent.items()
    )


def test_sensors_that_fail_together_are_said_in_one_line_once_and_once_when_it_is_over(status):
    with capture_logs() as said:
        for _ in range(3):
            status.sensed(sensors(PS1=False, FS1=False, TS1=False))
        for _ in range(3):
            status.sensed(sensors(PS1=True, FS1=True, TS1=False))
        for _ in range(3):
            status.sensed(sensors(PS1=False, FS1=True, TS1=False))
    assert [(line["event"], line["sensors"]) for line in said] == [
        ("sensors_unwell", {"PS1": "no readings come", "FS1": "no readings come"}),
        ("sensors_well", ["PS1"]),
    ]


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
