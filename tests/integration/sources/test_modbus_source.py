import itertools
import math
import random

import pytest
from pymodbus.constants import ExcCodes

from agent.sources.modbus import group_poll
from agent.sources.modbus.settings import ModbusSettings
from agent.sources.modbus.source import ModbusSource
from edge_runtime.quality import Quality, Reason
from edge_runtime.reading import Reading
from tests.servers.modbus import ModbusDevice
from tests.servers.running_source import running, until

ARRIVAL_US = 1_700_000_000_000_000
DEVICE_US = 1_420_070_400_000_000
DEVICE_FAULT = (Quality.BAD, Reason.DEVICE_FAULT)


@pytest.fixture
async def device():
    device = ModbusDevice()
    await device.start()
    yield device
    await device.stop()


def source_of(device, *groups, **changes):
    transport = {"type": "tcp", "host": device.host, "port": device.port}
    settings = {"name": "plc", "transport": transport, "timeout_s": 0.3, "longest_retry_s": 0.5}
    arrivals = itertools.count(ARRIVAL_US)
    return ModbusSource(
        ModbusSettings.model_validate({**settings, "groups": groups, **changes}),
        now_us=lambda: next(arrivals),
        rng=random.Random(1),
    )


def floats(count, first=0):
    return [{"sensor": f"P{k}", "address": first + 2 * k} for k in range(count)]


async def test_a_group_is_one_read_and_keeps_types_scales_and_arrival_times(device):
    device.put("holding", 0, "f", 1.5, 2.5)
    device.put("holding", 9, "h", -1234)
    registers = [*floats(2), {"sensor": "T", "address": 9, "type": "int16", "scale": 0.01}]
    device.put("holding", 4, "h", 0, 0, 0, 0, 0)
    async with running(source_of(device, {"period_s": 0.01, "registers": registers})) as received:
        await until(lambda: len(received.readings) >= 6)
    assert set(device.reads) == {("holding", 0, 10)}
    assert received.readings[:3] == [
        Reading("P0", 1.5, Quality.GOOD, ARRIVAL_US, ARRIVAL_US),
        Reading("P1", 2.5, Quality.GOOD, ARRIVAL_US, ARRIVAL_US),
        Reading("T", pytest.approx(-12.34), Quality.GOOD, ARRIVAL_US, ARRIVAL_US),
    ]
    assert received.statuses == []


async def test_a_device_time_is_the_source_time_and_an_unmoved_one_no_new_sample(device):
    device.put("holding", 0, "q", 0)
    device.put("holding", 4, "f", 1.0)
    group = {"period_s": 0.005, "clock": {"address": 0}, "registers": floats(1, first=4)}
    async with running(source_of(device, group)) as received:
        await until(lambda: len(device.reads) >= 5)
        assert received.readings == []
        for k in range(3):
            device.put("holding", 0, "q", DEVICE_US + k)
            seen = len(device.reads)
            await until(lambda seen=seen: len(device.reads) >= seen + 5)
    assert [reading.source_time_us for reading in received.readings] == [DEVICE_US, DEVICE_US + 1, DEVICE_US + 2]
    assert all(reading.received_time_us >= ARRIVAL_US for reading in received.readings)


async def test_groups_keep_their_own_periods_over_one_connection(device):
    device.put("holding", 0, "f", 1.0)
    device.put("input", 0, "f", 2.0)
    fast = {"period_s": 0.01, "registers": floats(1)}
    slow = {"period_s": 0.1, "registers": [{"sensor": "T", "address": 0, "kind": "input"}]}
    async with running(source_of(device, fast, slow)) as received:
        await until(lambda: len(received.of("P0")) >= 60)
    assert 3 <= len(received.of("T")) <= 12


async def test_nan_is_a_bad_reading(device):
    device.put("holding", 0, "f", math.nan, 4.0)
    async with running(source_of(device, {"period_s": 0.01, "registers": floats(2)})) as received:
        await until(lambda: len(received.readings) >= 2)
    nan, good = received.readings[:2]
    assert math.isnan(nan.value)
    assert (nan.quality, nan.reason) == (Quality.BAD, Reason.NOT_A_NUMBER)
    assert (good.value, good.quality) == (4.0, Quality.GOOD)
    assert received.statuses == []


async def test_a_register_that_does_not_exist_costs_only_its_own_sensor(device):
    device.put("holding", 0, "f", *range(8))
    device.remove("holding", 10)
    async with running(source_of(device, {"period_s": 0.005, "registers": floats(8)})) as received:
        await until(lambda: len(received.of("P0")) >= 20)
    for k in (0, 1, 2, 3, 4, 6, 7):
        assert {(reading.value, reading.quality) for reading in received.of(f"P{k}")} == {(float(k), Quality.GOOD)}
    assert {reading.quality for reading in received.of("P5")} == {Quality.BAD}
    assert len(received.of("P5")) == len(received.of("P0"))
    (status,) = received.statuses
    assert not status.healthy
    assert "P5 at holding register 10" in status.message
    assert "manual" in status.hint


async def test_a_gap_that_does_not_exist_costs_nothing(device):
    device.put("holding", 0, "f", 1.0)
    device.put("holding", 10, "f", 2.0)
    registers = [{"sensor": "A", "address": 0}, {"sensor": "B", "address": 10}]
    async with running(source_of(device, {"period_s": 0.01, "registers": registers})) as received:
        await until(lambda: len(received.readings) >= 10)
    assert {(reading.sensor, reading.value, reading.quality) for reading in received.readings} == {
        ("A", 1.0, Quality.GOOD),
        ("B", 2.0, Quality.GOOD),
    }
    assert received.statuses == []


async def test_a_register_that_comes_back_is_found_again(device, monkeypatch):
    monkeypatch.setattr(group_poll, "LOOK_AGAIN_S", 0.1)
    device.put("holding", 0, "f", 1.0)
    async with running(source_of(device, {"period_s": 0.01, "registers": floats(2)})) as received:
        await until(lambda: bool(received.of("P1")))
        device.put("holding", 2, "f", 7.0)
        await until(lambda: received.of("P1")[-1].value == 7.0)
    assert received.healthy == [False, True]


async def test_a_device_with_none_of_the_registers_is_asked_no_more(device):
    async with running(source_of(device, {"period_s": 0.01, "registers": floats(2)})) as received:
        await until(lambda: len(received.readings) >= 20)
    (status,) = received.statuses
    assert "unit 1 has none of P0 at holding register 0, P1 at holding register 2" in status.message
    assert "hydrosight modbus scan" in status.hint
    assert {(reading.quality, reading.reason) for reading in received.readings} == {DEVICE_FAULT}
    assert len(device.reads) == 3


async def test_without_its_clock_no_value_counts(device):
    device.put("holding", 4, "f", 1.0)
    group = {"period_s": 0.01, "clock": {"address": 0}, "registers": floats(1, first=4)}
    async with running(source_of(device, group)) as received:
        await until(lambda: len(received.readings) >= 5)
    assert "clock at holding register 0: the device has no such register" in received.statuses[0].message
    assert {(reading.quality, reading.reason) for reading in received.readings} == {DEVICE_FAULT}


async def test_a_refusal_is_a_device_fault_counted_by_its_code_and_over_when_it_is_over(device):
    device.put("holding", 0, "f", 1.0)
    device.refusal = ExcCodes.DEVICE_BUSY
    source = source_of(device, {"period_s": 0.01, "registers": floats(1)})
    async with running(source) as received:
        await until(lambda: len(received.readings) >= 3)
        refused = list(received.readings)
        device.refusal = None
        await until(lambda: received.readings[-1].quality is Quality.GOOD)
    assert {(reading.quality, reading.reason) for reading in refused} == {DEVICE_FAULT}
    assert source.counters.exceptions[ExcCodes.DEVICE_BUSY] >= 3
    assert source.counters.reconnects == 0
    assert "exception 6 (device busy)" in received.statuses[0].message
    assert received.healthy == [False, True]


async def test_a_refused_block_is_taken_apart_once_and_remembered(device):
    device.put("holding", 0, "f", *range(8))
    device.remove("holding", 10)
    async with running(source_of(device, {"period_s": 0.005, "registers": floats(8)})) as received:
        await until(lambda: len(received.of("P0")) >= 20)
    assert device.reads[0] == ("holding", 0, 16)
    assert set(device.reads[-4:]) == {("holding", 0, 10), ("holding", 12, 4)}
    assert len(device.reads) < 60


async def test_a_sample_that_takes_two_reads_is_delivered_only_when_the_clock_stood_still(device):
    device.put("holding", 0, "q", DEVICE_US)
    device.put("holding", 4, "f", 1.0, math.nan, 3.0)
    device.remove("holding", 6)
    group = {"period_s": 0.005, "clock": {"address": 0}, "registers": floats(3, first=4)}

    def tick(table, address, count):
        if address == 8 and len(device.reads) < 40:
            device.put("holding", 0, "q", DEVICE_US + len(device.reads))

    device.after_read = tick
    async with running(source_of(device, group)) as received:
        await until(lambda: len(device.reads) >= 30)
        assert received.of("P2") == []
        await until(lambda: bool(received.of("P2")))
    assert len({reading.source_time_us for reading in received.readings}) == 1
    assert {reading.sensor: reading.value for reading in received.readings if reading.sensor != "P1"} == {
        "P0": 1.0,
        "P2": 3.0,
    }


async def test_polls_that_a_slow_device_makes_late_are_counted_not_bunched(device):
    device.put("holding", 0, "f", 1.0)
    device.delay_s = 0.1
    source = source_of(device, {"period_s": 0.02, "registers": floats(1)})
    async with running(source) as received:
        await until(lambda: len(received.readings) >= 5)
    assert source.counters.late_polls >= 4 * len(received.readings) - 4
    assert source.counters.readings == len(received.readings)
