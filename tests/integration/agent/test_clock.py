"""A box without a battery for its clock: the agent starts in 1970, and hours later somebody tells it the time."""

import asyncio
import time

import pytest
import yaml

from agent.box_clock import BUILD_TIME_US, BoxClock, system_monotonic_us
from agent.configuration import load_configuration
from agent.daemon import Orders, run_agent
from agent.housekeeping import Housekeeping
from agent.store.reader import StoreReader
from edge_runtime.quality import Quality, Reason
from edge_runtime.timeline import ClockLook
from tests.models.tiny_bundle import TINY_MACHINE, build_tiny_bundle, tiny_machine
from tests.servers.modbus import ModbusDevice
from tests.servers.running_source import until

pytestmark = pytest.mark.servers

SENSOR = tiny_machine().sensors[0].name


class WallClock:
    """Says 1970 until it is told the time."""

    known = False

    def look(self):
        wall_us = time.time_ns() // 1000 if self.known else system_monotonic_us() % 10**12
        return ClockLook(wall_us, system_monotonic_us(), self.known)


@pytest.fixture
async def device():
    device = ModbusDevice()
    device.put("holding", 0, "f", 1.5)
    await device.start()
    yield device
    await device.stop()


async def test_readings_of_1970_have_their_right_times_once_the_clock_is_known(tmp_path, device, monkeypatch):
    monkeypatch.setattr(Housekeeping.run, "__defaults__", (0.1, asyncio.sleep))
    (tmp_path / "machine.yaml").write_text(TINY_MACHINE)
    build_tiny_bundle(tmp_path / "bundle")
    register = {"sensor": SENSOR, "address": 0}
    modbus = {"name": "plc", "transport": {"type": "tcp", "host": device.host, "port": device.port}}
    settings = {
        "machine": "machine.yaml",
        "data_directory": "data",
        "model": {"bundle": "bundle"},
        "store": {"flush_interval_s": 0.1, "min_free_bytes": 0},
        "health": {"port": 0},
        "sources": {"modbus": [{**modbus, "groups": [{"period_s": 0.05, "registers": [register]}]}]},
    }
    (tmp_path / "agent.yaml").write_text(yaml.safe_dump(settings))
    wall, orders, ready = WallClock(), Orders(), asyncio.Event()
    (tmp_path / "data").mkdir(mode=0o700)
    clock = BoxClock(tmp_path / "data" / "clock-floor", wall.look)
    configuration = load_configuration(tmp_path / "agent.yaml")
    began_us = time.time_ns() // 1000
    agent = asyncio.create_task(
        run_agent(configuration, lambda: configuration, orders, lambda _: ready.set(), clock=clock)
    )
    await ready.wait()

    def stored():
        with StoreReader.open_read_only(tmp_path / "data" / "store.db") as store:
            return store.series(0, 2**62).get(SENSOR), store.clock_entries()

    await until(lambda: (stored()[0] is not None) and len(stored()[0]) > 10)
    series, _ = stored()
    assert BUILD_TIME_US <= series.times_us[0] < series.times_us[-1] < BUILD_TIME_US + 60_000_000
    assert set(series.statuses) == {Quality.UNCERTAIN | Reason.CLOCK << 2}
    wall.known = True
    await until(lambda: stored()[1][0].restamped > 0 and not stored()[1][0].restamping)
    await until(lambda: len(stored()[0]) > 30)
    orders.stop.set()
    await agent
    series, entries = stored()
    assert began_us <= series.times_us[0] < series.times_us[-1] <= time.time_ns() // 1000
    assert not series.statuses.any()
    assert len(entries) == 2
