import math

import pytest

from agent.cli.run import write_running
from agent.health import HealthServer
from agent.settings import HealthSettings, load_settings
from agent.status import AgentStatus
from agent.store.store import Store
from agent.view import HealthView
from edge_runtime.quality import Quality, Reason
from edge_runtime.reading import Reading
from edge_runtime.sensor_health import SensorHealth
from tests.unit.agent.cli.conftest import FIRST_WINDOW_US, failed


def store(box, *readings):
    """Keep readings of (sensor, value, quality) or (sensor, value, quality, reason)."""
    with Store.open(box.folder / "data" / "store.db", "boot-1") as store:
        store.append([Reading(*one[:3], FIRST_WINDOW_US + 1500, FIRST_WINDOW_US + 2500, *one[3:]) for one in readings])


def row(box, sensor):
    """The words of a sensor's line in the table."""
    result = box.run("readings")
    assert result.exit_code == 0
    (line,) = (line for line in result.stdout.splitlines() if line.startswith(sensor))
    return line.split()


def test_the_newest_value_is_shown_with_its_time_and_place(box):
    store(box, ("PS1", 101.25, Quality.GOOD))
    assert row(box, "PS1") == ["PS1", "101.250", "bar", "good", "–", "2026-01-01", "00:00:00", "pump.pressure_out"]


def test_a_sensor_never_heard_is_named_too(box):
    store(box, ("PS1", 101.25, Quality.GOOD))
    assert row(box, "TS1") == ["TS1", "–", "°C", "never", "–", "–", "tank.temperature_in"]


def test_a_value_that_is_not_good_says_why(box):
    store(box, ("PS1", 999.0, Quality.BAD, Reason.OUT_OF_RANGE), ("FS1", 5.0, Quality.UNCERTAIN, Reason.IMPLAUSIBLE))
    assert row(box, "PS1")[3:7] == ["bad:", "out", "of", "range"]
    assert row(box, "FS1")[3:5] == ["uncertain:", "implausible"]


def test_at_80_columns_nothing_is_cut_short(box, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    store(box, ("PS1", 1101.25, Quality.UNCERTAIN, Reason.IMPLAUSIBLE))
    said = box.run("readings").stdout
    assert "…" not in said
    assert row(box, "PS1")[:5] == ["PS1", "1101.250", "bar", "uncertain:", "implausible"]


@pytest.fixture
def running(box):
    """The box with an agent that answers, to which TS1 is silent."""
    settings = load_settings(box.config)
    store(box, ("TS1", 40.0, Quality.GOOD), ("PS1", 101.25, Quality.GOOD))
    status = AgentStatus()
    silent = SensorHealth("TS1", Reason.NONE, True, "no readings come", {})
    status.sensed((SensorHealth("PS1", Reason.NONE, False, "", {}), silent))
    with HealthServer(HealthSettings(port=0), HealthView(status, lambda: None)) as server:
        write_running(settings.running_file, server.port)
        yield box


def test_while_the_agent_runs_it_is_said_how_the_sensors_are(running):
    assert row(running, "PS1")[4] == "good"
    assert row(running, "TS1")[4] == "silent"
    assert [document.get("state") for document in running.json("readings")] == ["good", None, None, "silent"]


def test_json_holds_every_sensor_of_the_machine(box):
    store(box, ("PS1", 101.25, Quality.UNCERTAIN), ("FS1", math.nan, Quality.BAD))
    documents = {document["sensor"]: document for document in box.json("readings")}
    assert list(documents) == ["PS1", "EPS1", "FS1", "TS1"]
    assert documents["PS1"] == {
        "sensor": "PS1",
        "unit": "bar",
        "component": "pump",
        "value": 101.25,
        "quality": "uncertain",
        "reason": "none",
        "source_time": "2026-01-01T00:00:00.001Z",
        "received_time": "2026-01-01T00:00:00.002Z",
    }
    assert documents["FS1"]["value"] is None
    assert "value" not in documents["TS1"]


def test_without_a_machine_file_it_says_which_is_missing(recorded):
    (recorded.folder / "machine.yaml").unlink()
    assert "machine.yaml" in failed(recorded.run("readings"), 2)
