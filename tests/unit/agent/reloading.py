"""Configurations of the tiny machine to change between."""

from pathlib import Path

from agent.configuration import Configuration
from agent.settings import AgentSettings
from tests.tiny_agent import MACHINE

SENSORS = [sensor.name for sensor in MACHINE.sensors]


def modbus(name, sensor, **settings):
    register = {"sensor": sensor, "address": SENSORS.index(sensor) * 2}
    transport = {"type": "tcp", "host": "plc"}
    return {"name": name, "transport": transport, "groups": [{"registers": [register]}]} | settings


def mqtt(name, sensor, **settings):
    return {"name": name, "host": "broker", "topics": [{"topic": f"rig/{sensor}", "sensor": sensor}]} | settings


def configuration(*, modbus=(), mqtt=(), described=MACHINE, folder=Path("/box"), **sections):
    """A configuration with these sources and sections."""
    document = {
        "machine": folder / "machine.yaml",
        "data_directory": folder / "data",
        "model": {"bundle": folder / "bundle"},
        "sources": {"modbus": list(modbus), "mqtt": list(mqtt)},
    }
    settings = AgentSettings.model_validate(document | sections)
    return Configuration(settings, described, settings)
