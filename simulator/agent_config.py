"""The agent's settings that match a simulated machine. No I/O."""

from dataclasses import dataclass

import yaml

from edge_runtime.machine import Machine
from simulator.endpoint import Endpoint
from simulator.wiring import CLOCK_ADDRESS, UNIT, RegisterTable, wire

SHORTEST_PERIOD_S = 0.008
POLLS_PER_SAMPLE = 1.25
"""A little faster than the device samples, so that no sample is missed."""


@dataclass(frozen=True, slots=True)
class Locations:
    """Files that the settings name, as paths from the settings' own folder."""

    machine: str
    bundle: str
    data_directory: str


def agent_config(machine: Machine, modbus: Endpoint, mqtt: Endpoint, locations: Locations, *, speed: float) -> str:
    """YAML settings for an agent that reads the simulated machine, replayed at that speed, and publishes to its broker.

    Raises:
        ConfigurationError: the machine can't be simulated.
    """
    wiring = wire(machine)
    groups = [_group(table, speed) for table in wiring.tables if table.sensors]
    transport = {"type": "tcp", "host": modbus.host, "port": modbus.port}
    device = {"name": "plc", "transport": transport, "unit_id": UNIT, "groups": groups}
    topics = [{"topic": topic, "sensor": sensor} for sensor, topic in wiring.topics.items()]
    publisher = {"name": "rig", "host": mqtt.host, "port": mqtt.port, "topics": topics}
    settings = {
        "machine": locations.machine,
        "data_directory": locations.data_directory,
        "sources": {"modbus": [device] if groups else [], "mqtt": [publisher] if topics else []},
        "model": {"bundle": locations.bundle},
        "broker": {"host": mqtt.host, "port": mqtt.port},
    }
    header = f"# Written by `hydrosight-sim config`: an agent for the simulated {machine.name} at speed {speed:g}.\n"
    return header + yaml.safe_dump(settings, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)


def _group(table: RegisterTable, speed: float) -> dict[str, object]:
    fastest_hz = max(sensor.rate_hz for sensor in table.sensors) * speed
    number = {"type": table.type} if table.scale == 1.0 else {"type": table.type, "scale": table.scale}
    return {
        "period_s": max(SHORTEST_PERIOD_S, float(f"{1 / (POLLS_PER_SAMPLE * fastest_hz):.3g}")),
        "clock": {"kind": table.kind.value, "address": CLOCK_ADDRESS},
        "registers": [
            {"sensor": sensor.name, "kind": table.kind.value, "address": table.address(sensor), **number}
            for sensor in table.sensors
        ],
    }
