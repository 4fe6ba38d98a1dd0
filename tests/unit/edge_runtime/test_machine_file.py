from pathlib import Path

import pytest

from edge_runtime.errors import ConfigurationError
from edge_runtime.machine_file import load_machine
from edge_runtime.vocabulary import CANONICAL_CHANNELS, Port, Quantity

ZEMA = Path(__file__).parents[3] / "configs" / "machines" / "zema.yaml"


def test_the_rig_is_described_as_published():
    machine = load_machine(ZEMA)
    assert [sensor.name for sensor in machine.sensors] == [
        "PS1", "PS2", "PS3", "PS4", "PS5", "PS6", "EPS1", "FS1", "FS2", "TS1", "TS2", "TS3", "TS4", "VS1",
        "CE", "CP", "SE",
    ]  # fmt: skip
    assert {condition.name: [level.label for level in condition.levels] for condition in machine.conditions} == {
        "cooler": [100, 20, 3],
        "valve": [100, 90, 80, 73],
        "pump": [0, 1, 2],
        "accumulator": [130, 115, 100, 90],
    }
    assert {sensor.name for sensor in machine.sensors if sensor.quantity is Quantity.COMPUTED} == {"CE", "CP", "SE"}
    assert {sensor.name for sensor in machine.sensors if sensor.port is Port.COMPUTED} == {"CE", "CP"}
    assert sorted(sensor.rate_hz for sensor in machine.sensors) == [1] * 8 + [10] * 2 + [100] * 7


def test_each_labelled_component_sees_its_own_circuit():
    machine = load_machine(ZEMA)
    channels = {
        condition.component: {
            sensor.name
            for sensor in machine.sensors
            for place in sensor.placements
            if place.component == condition.component and place.port in CANONICAL_CHANNELS
        }
        for condition in machine.conditions
    }
    assert channels == {
        "cooler": {"PS5", "PS6", "TS3", "TS4", "FS2"},
        "valve": {"PS1", "PS2", "FS1", "TS1"},
        "pump": {"PS1", "FS1", "EPS1", "VS1", "TS1", "TS3", "SE"},
        "accumulator": {"PS1", "FS1", "TS1", "SE"},
    }


def test_oil_comes_back_to_the_tank_from_every_component():
    machine = load_machine(ZEMA)
    onward = {component.name: set() for component in machine.components}
    for connection in machine.connections:
        onward[connection.source].add(connection.target)
    for component in onward:
        reached, ahead = set(), {component}
        while ahead:
            reached |= ahead
            ahead = set().union(*(onward[name] for name in ahead)) - reached
        assert "reservoir" in reached


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("component: valve\n", "component: vavle\n", "there is no component 'vavle': name one of reservoir, pump,"),
        ("unit: W\n", "unit: kW\n", "unit 'kW' of a power sensor: write 'W'"),
        ("rate_hz: 100\n", "rate_hz: fast\n", "Input should be a valid number"),
        ("    port: pressure_out\n", "    ports: pressure_out\n", "there is no such key, did you mean port"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, right, wrong, fault):
    text = ZEMA.read_text(encoding="utf-8")
    file = tmp_path / "rig.yaml"
    file.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_machine(file)
    assert fault in str(caught.value)
    where = str(caught.value).splitlines()[0].removeprefix(f"{file}:").split(":")[0]
    changed = text[: text.index(right)].count("\n") + 1
    assert changed - 6 <= int(where) <= changed  # the line itself, or the head of the sensor that it belongs to
