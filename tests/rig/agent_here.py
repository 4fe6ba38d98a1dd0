"""An agent in the test's own process that reads one register of a real Modbus device."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from agent.box_clock import BoxClock
from agent.configuration import load_configuration
from agent.daemon import Orders, run_agent
from agent.store.reader import StoreReader
from tests.models.tiny_bundle import TINY_MACHINE, build_tiny_bundle, tiny_machine
from tests.servers.modbus import ModbusDevice

SENSOR = tiny_machine().sensors[0].name
SOURCE = "plc"


class AgentHere:
    """Settings in a folder, and the store that comes of them."""

    def __init__(self, folder: Path, device: ModbusDevice) -> None:
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        (folder / "machine.yaml").write_text(TINY_MACHINE)
        build_tiny_bundle(folder / "bundle")
        group = {"period_s": 0.05, "registers": [{"sensor": SENSOR, "address": 0}]}
        transport = {"type": "tcp", "host": device.host, "port": device.port}
        settings = {
            "machine": "machine.yaml",
            "data_directory": "data",
            "model": {"bundle": "bundle"},
            "store": {"flush_interval_s": 0.1, "min_free_bytes": 0},
            "health": {"port": 0},
            "sources": {
                "modbus": [{"name": SOURCE, "transport": transport, "longest_retry_s": 0.5, "groups": [group]}]
            },
        }
        self.config = folder / "agent.yaml"
        self.config.write_text(yaml.safe_dump(settings))

    @asynccontextmanager
    async def running(self, clock: BoxClock | None = None) -> AsyncIterator[None]:
        """Run the agent inside the `with` block, and stop it in order."""
        configuration = load_configuration(self.config)
        orders, ready = Orders(), asyncio.Event()
        agent = asyncio.create_task(
            run_agent(configuration, lambda: configuration, orders, lambda _: ready.set(), clock=clock)
        )
        try:
            await asyncio.wait_for(ready.wait(), 60)
            yield
        finally:
            orders.stop.set()
            await agent

    def store(self) -> StoreReader:
        """The store, to look into."""
        return StoreReader.open_read_only(self.data / "store.db")
