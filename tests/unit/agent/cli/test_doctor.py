import json
import socket
import time
from contextlib import closing

import pytest
import yaml
from structlog.testing import capture_logs

from agent.cli.run import write_running
from agent.health import HealthServer
from agent.settings import HealthSettings, load_settings
from agent.status import AgentStatus
from agent.view import HealthView
from cloud_sync.edge.credential import write_credential
from cloud_sync.wire import Enrolment
from edge_runtime.quality import Reason
from edge_runtime.sensor_health import SensorHealth
from tests.models.tiny_bundle import tiny_machine


@pytest.fixture
def broker(box):
    """Something that accepts connections where the settings say that the broker is."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        box.configure(sources={"mqtt": [source(listener.getsockname()[1])]}, store={"max_bytes": 16 * 2**20})
        yield listener


def source(port, sensors=("PS1", "EPS1", "FS1", "TS1")):
    topics = [{"topic": f"rig/{sensor}", "sensor": sensor} for sensor in sensors]
    return {"name": "rig", "host": "127.0.0.1", "port": port, "topics": topics}


def examined(box):
    """Exit code and checks by what was looked at."""
    result = box.run("doctor", "--json")
    return result.exit_code, {check["what"]: check for check in json.loads(result.stdout)}


def verdicts(checks):
    return {what: check["verdict"] for what, check in checks.items() if what != "clock"}


def test_a_sound_box_passes(broker, box):
    code, checks = examined(box)
    assert code == 0
    assert verdicts(checks) == dict.fromkeys(
        ["settings", "machine file", "residuals", "mqtt rig", "disk", "model", "baseline"], "good"
    )
    assert checks["clock"]["verdict"] in {"good", "warning"}
    assert "4 of 4 sensors read" in checks["machine file"]["found"]
    assert "tiny 1.0.0 (release 1) reproduces its golden windows" in checks["model"]["found"]


def test_while_the_agent_runs_it_says_which_sensors_are_unwell(broker, box):
    stuck = SensorHealth("PS1", Reason.STUCK, False, "moves by no more than 1 bar in 60 s", {Reason.STUCK: 9})
    status = AgentStatus()
    with HealthServer(HealthSettings(port=0), HealthView(status, lambda: None)) as server:
        running = load_settings(box.config).running_file
        running.parent.mkdir(exist_ok=True)
        write_running(running, server.port)
        status.sensed((SensorHealth("FS1", Reason.NONE, False, "", {}),))
        _, checks = examined(box)
        assert (checks["sensors"]["verdict"], checks["sensors"]["found"]) == (
            "good",
            "1 of 1 sensors give good readings",
        )
        with capture_logs():
            silent = [SensorHealth(name, Reason.NONE, True, "no readings come", {}) for name in ("EPS1", "TS1")]
            status.sensed((SensorHealth("FS1", Reason.NONE, False, "", {}), stuck, *silent))
        code, checks = examined(box)
    assert code == 0
    assert checks["sensors"]["verdict"] == "warning"
    assert "PS1 moves by no more than 1 bar in 60 s; EPS1, TS1 no readings come" in checks["sensors"]["remedy"]


def test_the_table_shows_the_same(broker, box):
    result = box.run("doctor")
    assert result.exit_code == 0
    for what in ("settings", "machine file", "mqtt rig", "clock", "disk", "model"):
        assert any(line.startswith(what) for line in result.stdout.splitlines()), what


def test_it_names_the_sensor_that_would_make_a_residual_possible(broker, box):
    result = box.run("doctor", "--residuals", "--json")
    assert result.exit_code == 0
    found = {(one["component"], one["residual"]): one for one in json.loads(result.stdout)}
    knee = found["accumulator", "accumulator_precharge_knee"]
    assert not knee["possible"]
    assert knee["missing"] == [
        "a pressure sensor at accumulator.pressure_out at 20 Hz or more",
        "precharge_bar on the nameplate of accumulator",
    ]
    assert found["valve", "valve_open_conductance"]["possible"]
    assert found["pump", "pump_delivery"]["missing"] == ["a flow sensor at pump.flow_out"]
    _, checks = examined(box)
    possible = sum(one["possible"] for one in found.values())
    assert checks["residuals"]["found"] == f"{possible} of {len(found)} can be computed"


def test_residuals_count_signals_at_the_rate_at_which_they_are_read(box):
    machine = yaml.safe_load((box.folder / "machine.yaml").read_text())
    valve = {"name": "PS9", "component": "valve", "port": "pressure_out", "quantity": "pressure", "unit": "bar"}
    machine["sensors"].append({**valve, "rate_hz": 100, "valid_min": 0, "valid_max": 250})
    (box.folder / "fast.yaml").write_text(yaml.safe_dump(machine))
    group = {"registers": [{"sensor": "PS9", "kind": "holding", "address": 0, "type": "float32"}]}
    possible = {}
    for period_s in (0.01, 1.0):
        device = {"name": "plc", "transport": {"type": "tcp", "host": "127.0.0.1", "port": 1}, "timeout_s": 0.1}
        box.configure(machine="fast.yaml", sources={"modbus": [device | {"groups": [group | {"period_s": period_s}]}]})
        listed = json.loads(box.run("doctor", "--residuals", "--json").stdout)
        possible[period_s] = sum(one["possible"] for one in listed)
        _, checks = examined(box)
        assert checks["residuals"]["found"] == f"{possible[period_s]} of {len(listed)} can be computed"
    assert possible[1.0] < possible[0.01]


def test_the_table_of_residuals_aligns(broker, box):
    lines = box.run("doctor", "--residuals").stdout.splitlines()
    heading = next(line for line in lines if line.startswith("residual"))
    row = [line.strip() for line in lines].index("pump") + 1
    assert next(line for line in lines[row:] if "pump_delivery" in line).index("a flow") == heading.index("needs")
    assert "docs/features.md" in lines[-1]


def test_residuals_of_a_machine_that_is_wrong_are_an_error(box):
    box.configure(machine="gone.yaml")
    result = box.run("doctor", "--residuals")
    assert result.exit_code == 2


def test_a_broker_that_is_away_is_bad_and_the_other_checks_are_made(box):
    code, checks = examined(box)
    assert code == 1
    assert checks["mqtt rig"]["verdict"] == "bad"
    assert "127.0.0.1:1" in checks["mqtt rig"]["remedy"]
    assert checks["model"]["verdict"] == "good"
    assert box.run("doctor").exit_code == 1


def test_a_modbus_device_that_is_away_is_bad(broker, box):
    group = {"registers": [{"sensor": "PS1", "kind": "holding", "address": 0, "type": "float32"}]}
    transport = {"type": "tcp", "host": "127.0.0.1", "port": 1}
    device = {"name": "plc", "transport": transport, "timeout_s": 0.5, "groups": [group]}
    sources = {"modbus": [device], "mqtt": [source(broker.getsockname()[1], ("EPS1", "FS1", "TS1"))]}
    box.configure(sources=sources)
    code, checks = examined(box)
    assert code == 1
    assert checks["modbus plc"]["verdict"] == "bad"
    assert checks["modbus plc"]["remedy"]


def test_a_sensor_that_no_source_reads_is_a_warning(broker, box):
    box.configure(sources={"mqtt": [source(broker.getsockname()[1], ("PS1", "FS1", "TS1"))]})
    code, checks = examined(box)
    assert code == 0
    assert checks["machine file"]["verdict"] == "warning"
    assert "EPS1" in checks["machine file"]["remedy"]


@pytest.mark.parametrize("content", [None, "machine: [", "machine: machine.yaml\nmodle: {}\n"])
def test_wrong_settings_are_bad_and_end_the_examination(box, content):
    if content is None:
        box.config.unlink()
    else:
        box.config.write_text(content)
    code, checks = examined(box)
    assert code == 1
    assert verdicts(checks) == {"settings": "bad"}
    assert checks["settings"]["remedy"]


def test_a_source_that_names_an_unknown_sensor_is_bad(box):
    box.configure(sources={"mqtt": [source(1, ("PS1", "PS99"))]})
    code, checks = examined(box)
    assert code == 1
    assert "PS99" in checks["machine file"]["found"]
    assert all(sensor.name in checks["machine file"]["remedy"] for sensor in tiny_machine().sensors)


def test_a_clock_before_a_moment_known_to_be_past_is_bad(broker, box):
    (box.folder / "data").mkdir()
    (box.folder / "data" / "clock-floor").write_text(str(time.time_ns() // 1000 + 3_600_000_000))
    code, checks = examined(box)
    assert code == 1
    assert checks["clock"]["verdict"] == "bad"
    assert "timedatectl" in checks["clock"]["remedy"]


def test_a_full_disk_is_bad(broker, box):
    box.configure(sources={"mqtt": [source(broker.getsockname()[1])]}, store={"min_free_bytes": 10**18})
    code, checks = examined(box)
    assert code == 1
    assert checks["disk"]["verdict"] == "bad"


def test_a_store_that_may_outgrow_the_disk_is_a_warning(broker, box):
    store = {"min_free_bytes": 0, "max_bytes": 10**18}
    box.configure(sources={"mqtt": [source(broker.getsockname()[1])]}, store=store)
    code, checks = examined(box)
    assert code == 0
    assert checks["disk"]["verdict"] == "warning"


def test_advice_that_keeps_the_agent_from_starting_is_bad(broker, box):
    rule = {"action": "Do it at once.", "check": "Look at it before."}
    sources = {"mqtt": [source(broker.getsockname()[1])]}
    box.configure(sources=sources, advice="own.yaml")
    assert "own.yaml: can't be read" in examined(box)[1]["advice"]["found"]
    (box.folder / "own.yaml").write_text(yaml.safe_dump({"schema_version": 1, "rules": [rule, rule]}))
    code, checks = examined(box)
    assert code == 1
    assert "is never reached" in checks["advice"]["found"]
    (box.folder / "own.yaml").write_text(yaml.safe_dump({"schema_version": 1, "rules": [rule]}))
    assert examined(box)[1]["advice"]["verdict"] == "good"


def test_a_model_that_is_missing_is_bad(broker, box):
    (box.folder / "bundle").unlink()
    code, checks = examined(box)
    assert code == 1
    assert checks["model"]["verdict"] == "bad"


def test_a_centre_that_is_away_and_an_enrolment_that_is_missing_are_bad(broker, box):
    sources = {"mqtt": [source(broker.getsockname()[1])]}
    box.configure(sources=sources, centre={"url": "http://127.0.0.1:1"})
    code, checks = examined(box)
    assert code == 1
    assert "127.0.0.1:1/health/ready" in checks["centre"]["found"]
    assert "hydrosight enrol" in checks["enrolment"]["remedy"]


def test_a_box_whose_credential_was_revoked_is_not_well_enrolled(broker, box):
    sources = {"mqtt": [source(broker.getsockname()[1])]}
    box.configure(sources=sources, centre={"url": "http://127.0.0.1:1"})
    settings = load_settings(box.config)
    settings.credential_file.parent.mkdir(exist_ok=True)
    write_credential(settings.credential_file, Enrolment("7a1c", "hsa_7a1c_secret", "tiny"))
    _, checks = examined(box)
    assert checks["enrolment"]["verdict"] == "good"
    status = AgentStatus()
    with HealthServer(HealthSettings(port=0), HealthView(status, lambda: None)) as server:
        write_running(settings.running_file, server.port)
        with capture_logs():
            status.report("centre", healthy=False, message="7a1c was revoked", hint="hydrosight-cloud enroll tiny")
        code, checks = examined(box)
    assert code == 1
    assert checks["enrolment"] == {
        "what": "enrolment",
        "verdict": "bad",
        "found": "enrolled as 7a1c, but nothing gets through: 7a1c was revoked",
        "remedy": "hydrosight-cloud enroll tiny",
    }


def test_a_data_directory_that_this_user_may_not_write_to_is_bad(broker, box, monkeypatch):
    monkeypatch.setattr("agent.doctor.os.access", lambda folder, mode: folder != box.folder)
    code, checks = examined(box)
    assert code == 1
    assert checks["disk"]["found"] == f"{box.folder}: this user may not write there"
    assert "runuser" in checks["disk"]["remedy"]


def test_a_model_of_another_machine_is_said_to_judge_nothing(broker, box):
    machine = yaml.safe_load((box.folder / "machine.yaml").read_text())
    condition = machine["conditions"][0]
    condition["levels"][0]["label"] = "as new"
    (box.folder / "other.yaml").write_text(yaml.safe_dump(machine))
    box.configure(machine="other.yaml")
    _, checks = examined(box)
    assert checks["model"]["verdict"] == "warning"
    assert f"condition '{condition['name']}' has the levels as new" in checks["model"]["found"]
    assert "hydrosight model install" in checks["model"]["remedy"]
