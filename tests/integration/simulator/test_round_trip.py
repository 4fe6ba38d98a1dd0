"""What a simulated machine plays arrives at the agent's sources, exactly."""

import asyncio
import itertools
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml
from pymodbus.client import AsyncModbusTcpClient

from agent.settings import SourceSettings
from agent.sources.modbus.source import ModbusSource
from agent.sources.mqtt.source import MqttSource
from edge_runtime.machine_file import load_machine
from edge_runtime.quality import Quality
from edge_runtime.recording import Recording, read_recording
from simulator.agent_config import Locations, agent_config
from simulator.endpoint import Endpoint
from simulator.machine import simulate
from simulator.replay import Replay
from tests.servers.running_source import running, until

MACHINE = load_machine(Path("configs/machines/zema.yaml"))


@pytest.fixture(scope="module")
def full_rate():
    """Five seconds of the rig at its native rates."""
    whole = read_recording(Path("configs/recordings/zema-full-rate"))
    start = whole.first_us
    return Recording(whole.path, {name: s.between(start, start + 5_000_000) for name, s in whole.series.items()})


@asynccontextmanager
async def simulated(recording, mosquitto, *, speed=1.0, once=False):
    broker = Endpoint(mosquitto.host, mosquitto.port)
    ready = asyncio.get_running_loop().create_future()
    machine = asyncio.create_task(
        simulate(
            MACHINE,
            Replay(recording),
            speed=speed,
            once=once,
            modbus=Endpoint("127.0.0.1", 0),
            mqtt=broker,
            ready=ready.set_result,
        )
    )
    await asyncio.wait([machine, ready], return_when=asyncio.FIRST_COMPLETED)
    if machine.done():
        await machine
    try:
        yield ready.result(), machine
    finally:
        machine.cancel()
        await asyncio.gather(machine, return_exceptions=True)


def sources_for(modbus, mosquitto, *, speed):
    broker = Endpoint(mosquitto.host, mosquitto.port)
    text = agent_config(MACHINE, modbus, broker, Locations("m", "b", "d"), speed=speed)
    settings = SourceSettings.model_validate(yaml.safe_load(text)["sources"])
    arrivals = itertools.count()
    now_us = arrivals.__next__
    return ModbusSource(settings.modbus[0], now_us=now_us), MqttSource(settings.mqtt[0], machine="zema", now_us=now_us)


def expected_value(sensor, value):
    if sensor.startswith(("PS", "EPS")):
        return float(np.float32(value))
    return round(value / 0.01) * 0.01 if sensor.startswith("TS") else value


async def test_every_sample_at_native_rates_arrives_with_its_value_and_time(full_rate, mosquitto):
    async with simulated(full_rate, mosquitto) as (modbus, _):
        plc, rig = sources_for(modbus, mosquitto, speed=1)
        async with running(plc) as registers, running(rig) as messages:
            last = max(full_rate.series["PS1"].times_us)
            await until(lambda: any(reading.source_time_us > last for reading in registers.readings))
    assert registers.statuses == messages.statuses == []
    recorded = {
        (name, int(time)): expected_value(name, float(value))
        for name, series in full_rate.series.items()
        for time, value in zip(series.times_us, series.values, strict=True)
    }
    arrived = [r for r in (*registers.readings, *messages.readings) if r.source_time_us <= last]
    assert all(reading.quality is Quality.GOOD for reading in arrived)
    assert len({(reading.sensor, reading.source_time_us) for reading in arrived}) == len(arrived)
    wrong = [r for r in arrived if recorded[r.sensor, r.source_time_us] != r.value]
    assert wrong == []
    for name, series in full_rate.series.items():
        times = [reading.source_time_us for reading in arrived if reading.sensor == name]
        expected = np.count_nonzero(series.times_us >= min(times))
        # A busy machine may hold up a poll until the registers hold the next sample; a message is never lost.
        assert len(times) >= (expected if name in rig.sensors else 0.9 * expected), name


async def test_a_reader_never_sees_half_of_two_samples(full_rate, mosquitto):
    names = ["PS1", "PS2", "PS3", "PS4", "PS5", "PS6", "EPS1"]
    first, span = full_rate.first_us, Replay(full_rate).span_us
    samples = np.stack([full_rate.series[name].values.astype(np.float32) for name in names], axis=1)
    recorded = dict(zip(full_rate.series["PS1"].times_us.tolist(), samples.tolist(), strict=True))
    async with simulated(full_rate, mosquitto, speed=20) as (modbus, _):
        client = AsyncModbusTcpClient(modbus.host, port=modbus.port)
        await client.connect()
        seen = set()
        while len(seen) < 200:
            answer = await client.read_holding_registers(0, count=18, device_id=1)
            content = np.array(answer.registers, ">u2").tobytes()
            time_us = int(np.frombuffer(content, ">i8", 1)[0])
            if time_us:
                assert np.frombuffer(content, ">f4", 7, offset=8).tolist() == recorded[first + (time_us - first) % span]
                seen.add(time_us)
        client.close()


async def test_rounds_go_on_with_later_times(full_rate, mosquitto):
    async with simulated(full_rate, mosquitto, speed=20) as (modbus, _):
        plc, _rig = sources_for(modbus, mosquitto, speed=20)
        async with running(plc) as received:
            end = full_rate.first_us + 3 * 5_000_000
            await until(lambda: bool(received.readings) and received.readings[-1].source_time_us >= end)
    times = [reading.source_time_us for reading in received.of("PS1")]
    assert times == sorted(set(times))


async def test_once_ends_by_itself_when_everything_is_published(full_rate, mosquitto):
    async with simulated(full_rate, mosquitto, speed=50, once=True) as (modbus, machine):
        _plc, rig = sources_for(modbus, mosquitto, speed=50)
        async with running(rig) as received:
            await asyncio.wait_for(machine, 30)
            last = max(full_rate.series["FS1"].times_us)
            await until(lambda: any(reading.source_time_us == last for reading in received.of("FS1")))


async def test_messages_of_a_broker_outage_arrive_after_it(full_rate, mosquitto):
    async with simulated(full_rate, mosquitto) as (modbus, _):
        _plc, rig = sources_for(modbus, mosquitto, speed=1)
        async with running(rig) as received:
            await until(lambda: len(received.of("FS1")) >= 5)
            mosquitto.stop()
            await asyncio.sleep(1.5)
            mosquitto.start()
            resumed = received.of("FS1")[-1].source_time_us + 2_500_000
            await until(lambda: received.of("FS1")[-1].source_time_us >= resumed)
    times = sorted({reading.source_time_us for reading in received.of("FS1")})
    assert received.healthy == [False, True]
    assert set(np.diff(times)) == {100_000}


async def test_two_machines_at_once_do_not_collide(full_rate, mosquitto):
    async with simulated(full_rate, mosquitto) as (one, _), simulated(full_rate, mosquitto) as (other, _):
        assert one.port != other.port
        first, _ = sources_for(one, mosquitto, speed=1)
        second, _ = sources_for(other, mosquitto, speed=1)
        async with running(first) as a, running(second) as b:
            await until(lambda: len(a.readings) >= 50 and len(b.readings) >= 50)
    assert a.statuses == b.statuses == []
