"""A device that is away, a register that isn't there, garbage for messages: the rest of the machine is diagnosed."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.diagnosis import Diagnosis
from edge_runtime.reading import Series
from simulator.wiring import mqtt_payload
from tests.rig.agent import Agent
from tests.rig.listener import publish
from tests.rig.recordings import CYCLE_US, unbroken, write
from tests.rig.rig import Rig
from tests.rig.until import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

OVER_MQTT = ("FS1", "FS2", "VS1", "CE", "CP", "SE")
NO_SUCH_REGISTER = 60
GARBAGE = (b"", b"\xff\xfe", b"{", b"[1]", b'{"value": "high"}', b'{"time": 3}', b'{"value": 1, "time": "noon"}')


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path / "rig") as rig:
        yield rig


def faulty_sensors(diagnosis: Diagnosis) -> set[str]:
    return {fault.sensor for fault in diagnosis.sensor_faults}


def diagnoses(agent: Agent) -> list[Diagnosis]:
    """All of them, oldest first."""
    with agent.store() as store:
        return list(reversed(store.diagnoses(1000)))


def newest_start_us(agent: Agent) -> int:
    """Start of the newest recorded window."""
    with agent.store() as store:
        return store.windows(1)[0].start_us


def send(broker_port: int, series: Mapping[str, Series]) -> None:
    """Publish readings as the machine would, in order of time."""
    readings = sorted(
        (time_us, f"rig/{sensor}", value)
        for sensor, one in series.items()
        for time_us, value in zip(one.times_us.tolist(), one.values.tolist(), strict=True)
    )
    publish(broker_port, *((topic, mqtt_payload(time_us, value)) for time_us, topic, value in readings))


def test_a_device_that_is_away_at_the_start_dies_midway_and_comes_back(rig: Rig, tmp_path: Path) -> None:
    agent = rig.agent()
    agent.start()
    until(lambda: agent.changes("source plc"), "the unreachable device is noticed")

    whole = unbroken(10)
    start_us = int(whole["FS1"].times_us[0])
    send(rig.broker.port, {sensor: whole[sensor].between(start_us, start_us + 2 * CYCLE_US) for sensor in OVER_MQTT})
    until(lambda: agent.windows() >= 1, "a window is diagnosed without the device")
    assert not faulty_sensors(diagnoses(agent)[0]) & set(OVER_MQTT)
    assert {"PS1", "EPS1", "TS1"} <= faulty_sensors(diagnoses(agent)[0])
    assert [change.healthy for change in agent.changes("source plc")] == [False]

    rig.simulator.start(write(tmp_path / "first", unbroken(4, first=2)))
    until(lambda: agent.windows() >= 4, "windows are recorded while the device is there")
    rig.simulator.kill()
    until(lambda: len(agent.changes("source plc")) >= 3, "the device's death is noticed")
    with agent.store() as store:
        before = store.series(0, 2**62)

    rig.simulator.start(write(tmp_path / "second", unbroken(4, first=6)))
    last_whole_us = start_us + 8 * CYCLE_US
    until(lambda: newest_start_us(agent) == last_whole_us, "windows are recorded when it is back")
    rig.simulator.finish()

    changes = agent.changes("source plc")
    assert [change.healthy for change in changes[:4]] == [False, True, False, True]
    assert all(f"127.0.0.1:{rig.simulator.modbus_port}" in change.message for change in changes if not change.healthy)
    assert all(change.hint for change in changes if not change.healthy)
    assert faulty_sensors(diagnoses(agent)[-1]) == set()
    with agent.store() as store:
        after = store.series(0, 2**62)
    for sensor, series in before.items():
        kept = after[sensor].between(int(series.times_us[0]), int(series.times_us[-1]) + 1)
        np.testing.assert_array_equal(kept.times_us, series.times_us)
        np.testing.assert_array_equal(kept.values, series.values)
    assert agent.program.running


@pytest.fixture(scope="module")
def half_wrong(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """An agent that was told a wrong register for PS6, and was sent garbage for FS1 while the machine ran."""
    folder = tmp_path_factory.mktemp("half-wrong")
    recording = write(folder / "recording", unbroken(4))
    with Rig(folder / "rig") as rig:
        agent = rig.agent()
        (registers,) = (
            group["registers"]
            for group in agent.settings["sources"]["modbus"][0]["groups"]
            if any(register["sensor"] == "PS6" for register in group["registers"])
        )
        next(register for register in registers if register["sensor"] == "PS6")["address"] = NO_SUCH_REGISTER
        agent.start()
        rig.simulator.start(recording)
        until(lambda: agent.windows() >= 1, "a window is recorded")
        publish(
            rig.broker.port,
            *(("rig/FS1", garbage) for garbage in GARBAGE),
        )
        until(lambda: agent.windows() >= 3, "three windows are recorded")
        rig.simulator.finish()
        yield agent


def test_of_a_wrong_register_only_that_sensor_is_missing(half_wrong: Agent) -> None:
    for diagnosis in diagnoses(half_wrong):
        assert faulty_sensors(diagnosis) == {"PS6"}
        assert not diagnosis.component("cooler").abstained


def test_the_wrong_register_is_named_once(half_wrong: Agent) -> None:
    named = [change for change in half_wrong.changes("source plc") if "PS6" in change.message]
    assert len(named) == 1
    assert str(NO_SUCH_REGISTER) in named[0].message
    assert "address" in named[0].hint


def test_malformed_messages_are_reported_once_and_once_when_they_end(half_wrong: Agent) -> None:
    wrong, over = half_wrong.changes("source rig")
    assert not wrong.healthy
    assert "rig/FS1" in wrong.message
    assert "value" in wrong.hint
    assert over.healthy


def test_of_malformed_messages_nothing_is_stored(half_wrong: Agent) -> None:
    with half_wrong.store() as store:
        kept = store.series(0, 2**62)["FS1"]
    played = unbroken(4)["FS1"]
    assert kept.times_us.tolist() == played.times_us.tolist()
    np.testing.assert_array_equal(kept.values, played.values)
