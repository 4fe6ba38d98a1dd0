import pytest

from agent.cli.run import write_running
from agent.health import HealthServer
from agent.settings import HealthSettings, load_settings
from agent.status import AgentStatus
from agent.store.reader import StoreReader
from agent.view import HealthView
from edge_runtime.quality import Reason
from edge_runtime.sensor_health import SensorHealth
from tests.unit.agent.cli.conftest import failed


@pytest.fixture
def running(recorded):
    """The box with an agent that answers; gives what the agent reports to."""
    settings = load_settings(recorded.config)
    status = AgentStatus()
    with StoreReader.open_read_only(settings.store_file) as store:
        statistics, (diagnosis,) = store.statistics(), store.diagnoses(1)
    status.stored(2400, 1_767_225_600_000_000)
    status.diagnosed(diagnosis, alerts=3)
    status.report("store", healthy=True, message="stores readings")
    status.report("source plc", healthy=False, message="no answer", hint="Check the cable.")
    status.sensed(
        (
            SensorHealth("PS1", Reason.NONE, False, "", {}),
            SensorHealth("FS1", Reason.OUT_OF_RANGE, False, "is outside 0 … 20 l/min", {Reason.OUT_OF_RANGE: 7}),
        )
    )
    with HealthServer(HealthSettings(port=0), HealthView(status, lambda: statistics)) as server:
        write_running(settings.running_file, server.port)
        yield recorded


def test_every_part_is_shown_and_the_last_diagnosis(running):
    result = running.run("status")
    assert result.exit_code == 0
    lines = {line.split("  ")[0]: " ".join(line.split()) for line in result.stdout.splitlines()}
    assert lines["store"] == "store works stores readings"
    assert lines["source plc"] == "source plc fails no answer Check the cable."
    assert "2,400 readings, 1 windows, 3 alerts raised or cleared; last reading 2026-01-01 00:00:00" in result.stdout
    assert "overall health" in result.stdout


def test_sensors_that_are_unwell_are_shown(running):
    lines = [" ".join(line.split()) for line in running.run("status").stdout.splitlines()]
    assert "FS1 out of range is outside 0 … 20 l/min" in lines
    assert not any(line.startswith("PS1 good") for line in lines)
    assert running.json("status")["sensors"]["FS1"] == {
        "state": "out of range",
        "message": "is outside 0 … 20 l/min",
        "readings": {"out_of_range": 7},
    }


def test_json_is_what_the_agent_says_of_itself(running):
    document = running.json("status")
    assert document["readings"] == 2400
    assert document["conditions"]["source plc"] == {
        "healthy": False,
        "message": "no answer",
        "hint": "Check the cable.",
    }
    assert document["diagnosis"]["machine"] == "tiny"
    assert document["buffer"]["unpublished_alerts"] == 3


def test_with_no_agent_running_it_says_how_to_start_one(box):
    message = failed(box.run("status"), 1)
    assert "no agent answers at http://127.0.0.1:1/status" in message
    assert "hydrosight run" in message


@pytest.mark.parametrize("left_behind", [b'{"health_port": 1, "pid": 1}', b"", b"[]", b"{}", b'{"health_port": null}'])
def test_a_note_that_a_killed_agent_left_behind_misleads_nobody(box, left_behind):
    note = load_settings(box.config).running_file
    note.parent.mkdir()
    note.write_bytes(left_behind)
    assert "no agent answers" in failed(box.run("status"), 1)
