from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from agent.settings import load_settings
from edge_runtime.errors import ConfigurationError
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from simulator.agent_config import SHORTEST_PERIOD_S, Locations, agent_config
from simulator.cli import app
from simulator.endpoint import Endpoint

MACHINE_FILE = Path("configs/machines/zema.yaml")


def configured(speed):
    machine = load_machine(MACHINE_FILE)
    endpoint = Endpoint("127.0.0.1", 1)
    return yaml.safe_load(agent_config(machine, endpoint, endpoint, Locations("m", "b", "d"), speed=speed))


def test_the_committed_settings_are_those_that_the_command_writes():
    locations = Locations("../machines/zema.yaml", "../models/zema-rig", "../../.demo/zema")
    modbus, mqtt = Endpoint("127.0.0.1", 5020), Endpoint("127.0.0.1", 1883)
    text = agent_config(load_machine(MACHINE_FILE), modbus, mqtt, locations, speed=1.0)
    assert Path("configs/agent/zema.yaml").read_text(encoding="utf-8") == text


def test_paths_in_a_written_file_lead_from_it_to_the_right_place(tmp_path):
    output = tmp_path / "agent.yaml"
    result = CliRunner().invoke(app, ["config", "--machine", str(MACHINE_FILE), "--output", str(output)])
    assert (result.exit_code, result.output) == (0, "")
    assert not Path(yaml.safe_load(output.read_text())["machine"]).is_absolute()
    assert load_settings(output).machine.samefile(MACHINE_FILE)


def test_a_file_that_can_not_be_written_is_named(tmp_path):
    output = tmp_path / "nowhere" / "agent.yaml"
    result = CliRunner().invoke(app, ["config", "--machine", str(MACHINE_FILE), "--output", str(output)])
    assert isinstance(result.exception, ConfigurationError)
    assert str(output) in str(result.exception)


def test_the_agent_accepts_them_and_reads_every_sensor_once():
    settings = load_settings(Path("configs/agent/zema.yaml"))
    assert settings.machine.samefile(MACHINE_FILE)
    sources = (*settings.sources.modbus, *settings.sources.mqtt)
    names = sorted(name for source in sources for name in source.sensors)
    assert names == sorted(load_machine(MACHINE_FILE).sensor_index)


def test_without_an_output_file_paths_are_absolute():
    result = CliRunner().invoke(app, ["config", "--machine", str(MACHINE_FILE)])
    settings = yaml.safe_load(result.output)
    assert Path(settings["machine"]) == MACHINE_FILE.resolve()


def test_polls_are_faster_than_samples_at_any_speed():
    periods = {
        speed: [group["period_s"] for group in configured(speed)["sources"]["modbus"][0]["groups"]] for speed in (1, 60)
    }
    assert periods[1] == [0.008, 0.8]
    assert periods[60] == [SHORTEST_PERIOD_S, pytest.approx(0.8 / 60, rel=0.01)]


def test_a_machine_without_registers_has_no_modbus_source():
    sensor = {"name": "F", "quantity": "flow", "unit": "l/min", "component": "c", "port": "flow_in", "rate_hz": 1}
    machine = Machine.model_validate(
        {
            "name": "m",
            "components": [{"name": "c", "type": "filter"}],
            "sensors": [{**sensor, "valid_min": 0, "valid_max": 1}],
        }
    )
    endpoint = Endpoint("h", 1)
    settings = yaml.safe_load(agent_config(machine, endpoint, endpoint, Locations("m", "b", "d"), speed=1))
    assert settings["sources"]["modbus"] == []
    assert [topic["sensor"] for topic in settings["sources"]["mqtt"][0]["topics"]] == ["F"]
