import json
import math
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sources.mqtt.payloads.json_value import JsonPayload
from edge_runtime.errors import ConfigurationError
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from simulator.wiring import NO_TEMPERATURE, mqtt_payload, wire


def machine_with(count, quantity, unit):
    ports = {"quantity": quantity, "unit": unit, "component": "c", "port": "computed", "rate_hz": 1}
    sensors = [{"name": f"S{k}", "valid_min": 0, "valid_max": 1, **ports} for k in range(count)]
    return Machine.model_validate({"name": "m", "components": [{"name": "c", "type": "filter"}], "sensors": sensors})


@pytest.fixture(scope="module")
def wiring():
    return wire(load_machine(Path("configs/machines/zema.yaml")))


def test_every_sensor_of_the_rig_is_wired_once(wiring):
    holding, inputs = wiring.tables
    assert [sensor.name for sensor in holding.sensors] == ["PS1", "PS2", "PS3", "PS4", "PS5", "PS6", "EPS1"]
    assert [sensor.name for sensor in inputs.sensors] == ["TS1", "TS2", "TS3", "TS4"]
    assert wiring.topics == {name: f"rig/{name}" for name in ("FS1", "FS2", "VS1", "CE", "CP", "SE")}
    assert [holding.address(sensor) for sensor in holding.sensors] == [4, 6, 8, 10, 12, 14, 16]
    assert [inputs.address(sensor) for sensor in inputs.sensors] == [4, 5, 6, 7]


@given(st.integers(0, 2**62), st.lists(st.floats(width=32), min_size=7, max_size=7))
def test_clock_and_floats_are_high_word_first(wiring, time_us, values):
    registers = wiring.tables[0].encode(time_us, tuple(values))
    content = struct.pack(">18H", *registers)
    assert content == struct.pack(">q7f", time_us, *values)


@given(st.lists(st.floats(-327, 327), min_size=4, max_size=4))
def test_temperatures_are_hundredths(wiring, values):
    registers = wiring.tables[1].encode(0, tuple(values))
    raw = struct.unpack(">4h", struct.pack(">4H", *registers[4:]))
    assert [number * 0.01 for number in raw] == pytest.approx(values, abs=0.0051)


def test_temperatures_out_of_range_or_missing_do_not_wrap_around(wiring):
    registers = wiring.tables[1].encode(0, (1e9, -1e9, math.nan, 0.0))
    assert struct.unpack(">4h", struct.pack(">4H", *registers[4:])) == (32767, -32767, NO_TEMPERATURE, 0)


@given(st.integers(0, 2**52), st.floats(allow_infinity=False))
def test_messages_are_what_the_agent_understands(time_us, value):
    read = JsonPayload(format="json").reader(publish=lambda _topic, _payload: None)
    (samples,) = read("rig/FS1", mqtt_payload(time_us, value), 0)
    assert samples.times_us == (time_us,)
    assert samples.values == (value,) or (math.isnan(samples.values[0]) and math.isnan(value))


def test_a_message_has_the_agreed_form():
    assert json.loads(mqtt_payload(1_420_070_400_000_000, 1.2)) == {
        "value": 1.2,
        "time": "2015-01-01T00:00:00.000000Z",
    }


def test_more_sensors_than_a_read_brings_are_refused():
    assert wire(machine_with(60, "pressure", "bar")).tables[0].width == 124
    with pytest.raises(ConfigurationError, match="61 sensors need 126 holding registers"):
        wire(machine_with(61, "pressure", "bar"))
