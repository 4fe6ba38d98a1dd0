"""Settings changed under a running agent, over real Modbus and MQTT: nothing of what didn't change is lost."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import yaml
from structlog.testing import capture_logs

from agent.configuration import load_configuration
from agent.daemon import Orders, run_agent
from agent.store.reader import StoreReader
from tests.models.tiny_bundle import TINY_MACHINE, build_tiny_bundle, tiny_machine
from tests.rig.program import Program
from tests.rig.recordings import unbroken, write
from tests.rig.rig import Rig
from tests.rig.until import until as wait_until
from tests.servers.modbus import ModbusDevice
from tests.servers.mosquitto import Mosquitto
from tests.servers.running_source import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

STEADY, CHANGING, PUBLISHED = [sensor.name for sensor in tiny_machine().sensors][:3]
PERIOD_S = 0.01
RELOADS = 6


class Box:
    """An agent in this process, and its settings file."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "agent.yaml"
        self.settings: dict[str, Any] = {}
        self.orders = Orders()
        self.said: list[Any] = []

    def write(self) -> None:
        self.config.write_text(yaml.safe_dump(self.settings))

    async def reload(self) -> dict[str, Any]:
        """Have it take up the settings; the log line that says how that ended."""
        before = len(self.outcomes())
        self.write()
        self.orders.reload.set()
        await until(lambda: len(self.outcomes()) > before)
        return dict(self.outcomes()[-1])

    def outcomes(self) -> list[Any]:
        return [line for line in self.said if line["event"] in {"reload_applied", "reload_refused"}]

    def stored(self, sensor: str) -> list[float]:
        with StoreReader.open_read_only(self.config.parent / "data" / "store.db") as store:
            series = store.series(0, 2**62)
        return series[sensor].values.tolist() if sensor in series else []


@asynccontextmanager
async def running(box: Box) -> AsyncIterator[None]:
    """Run the agent inside the `with` block."""
    box.write()
    ready = asyncio.Event()
    with capture_logs() as box.said:
        agent = asyncio.create_task(
            run_agent(
                load_configuration(box.config),
                lambda: load_configuration(box.config),
                box.orders,
                lambda _: ready.set(),
            )
        )
        try:
            await ready.wait()
            yield
        finally:
            box.orders.stop.set()
            await agent


@pytest.fixture
async def devices() -> AsyncIterator[tuple[ModbusDevice, ModbusDevice]]:
    pair = ModbusDevice(), ModbusDevice()
    for device in pair:
        device.put("holding", 0, "f", 1.5)
        await device.start()
    yield pair
    for device in pair:
        await device.stop()


@pytest.fixture
def box(tmp_path: Path, devices: tuple[ModbusDevice, ModbusDevice], mosquitto: Mosquitto) -> Box:
    (tmp_path / "machine.yaml").write_text(TINY_MACHINE)
    build_tiny_bundle(tmp_path / "bundle")
    box = Box(tmp_path)
    box.settings = {
        "machine": "machine.yaml",
        "data_directory": "data",
        "model": {"bundle": "bundle"},
        "store": {"flush_interval_s": 0.1, "min_free_bytes": 0},
        "health": {"port": 0},
        "sources": {
            "modbus": [
                {
                    "name": name,
                    "transport": {"type": "tcp", "host": device.host, "port": device.port},
                    "groups": [{"period_s": PERIOD_S, "registers": [{"sensor": sensor, "address": 0}]}],
                }
                for name, sensor, device in zip(("steady", "changing"), (STEADY, CHANGING), devices, strict=True)
            ],
            "mqtt": [
                {
                    "name": "rig",
                    "host": mosquitto.host,
                    "port": mosquitto.port,
                    "topics": [{"topic": "rig/value", "sensor": PUBLISHED}],
                }
            ],
        },
    }
    return box


async def publish(mosquitto: Mosquitto, stop: asyncio.Event) -> int:
    """Publish 1, 2, 3 … a hundred times a second until told to stop; gives the last number."""
    number = 0
    async with aiomqtt.Client(mosquitto.host, mosquitto.port) as client:
        while not stop.is_set():
            number += 1
            await client.publish("rig/value", str(number), qos=1)
            await asyncio.sleep(PERIOD_S)
    return number


async def test_while_one_source_changes_the_others_lose_nothing_at_100_hz(
    box: Box, devices: tuple[ModbusDevice, ModbusDevice], mosquitto: Mosquitto
) -> None:
    steady, changing = devices
    stop = asyncio.Event()
    async with running(box):
        await until(lambda: len(steady.reads) > 20 and len(changing.reads) > 20)
        publishing = asyncio.create_task(publish(mosquitto, stop))
        for turn in range(RELOADS):
            box.settings["sources"]["modbus"][1]["timeout_s"] = 2 + turn
            box.settings["alerts"] = {"raise_after": 3 + turn}
            before, then = len(changing.reads), len(steady.reads)
            outcome = await box.reload()
            assert outcome["event"] == "reload_applied"
            assert outcome["message"] == "restart changing; keep steady, rig; change windows and alerts"
            await until(lambda: len(changing.reads) > before + 20 and len(steady.reads) > then + 20)  # noqa: B023
        stop.set()
        last = await publishing
        await until(lambda: box.stored(PUBLISHED)[-1:] == [last])
    assert box.stored(PUBLISHED) == list(range(1, last + 1))
    # The read that was under way at the end was answered to nobody.
    assert len(steady.reads) - 1 <= len(box.stored(STEADY)) <= len(steady.reads)
    # One read under way at each restart.
    assert len(changing.reads) - RELOADS - 1 <= len(box.stored(CHANGING)) <= len(changing.reads)


async def test_a_source_is_added_and_taken_away_while_the_others_go_on(
    box: Box, devices: tuple[ModbusDevice, ModbusDevice]
) -> None:
    steady, changing = devices
    both = box.settings["sources"]["modbus"]
    box.settings["sources"]["modbus"] = both[:1]
    async with running(box):
        await until(lambda: len(steady.reads) > 20)
        assert not changing.reads
        box.settings["sources"]["modbus"] = both
        assert (await box.reload())["message"] == "start changing; keep steady, rig"
        await until(lambda: len(changing.reads) > 20)
        box.settings["sources"]["modbus"] = both[:1]
        assert (await box.reload())["message"] == "stop changing; keep steady, rig"
        taken_away, then = len(changing.reads), len(steady.reads)
        await until(lambda: len(steady.reads) > then + 20)
        assert len(changing.reads) == taken_away
    assert len(steady.reads) - 1 <= len(box.stored(STEADY)) <= len(steady.reads)


async def test_wrong_settings_are_refused_as_a_whole_and_said_once(
    box: Box, devices: tuple[ModbusDevice, ModbusDevice]
) -> None:
    steady, _ = devices
    async with running(box):
        await until(lambda: len(steady.reads) > 20)
        box.settings["alerts"] = {"raise_after": 5}
        transport = box.settings["sources"]["modbus"][1]["transport"]
        transport["prot"] = transport.pop("port")
        outcome = await box.reload()
        assert outcome["event"] == "reload_refused"
        assert "did you mean port" in outcome["message"]
        then = len(steady.reads)
        await until(lambda: len(steady.reads) > then + 20)
    assert len([line for line in box.said if line["log_level"] == "error"]) == 1


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path / "rig") as rig:
        yield rig


def test_the_reload_command_waits_for_the_outcome_and_says_it(rig: Rig, tmp_path: Path) -> None:
    played = unbroken(3)
    agent = rig.agent()
    agent.start()
    rig.simulator.start(write(tmp_path / "recording", played))
    for raise_after in (3, 4):
        agent.settings["alerts"] = {"raise_after": raise_after}
        agent.settings["sources"]["modbus"][0]["timeout_s"] = raise_after
        agent.configure()
        asked = Program("agent.cli.main", ["reload", "--config", agent.config], tmp_path / f"reload-{raise_after}.log")
        asked.start()
        assert asked.wait(30) == 0
        assert asked.lines == ["reloaded: restart plc; keep rig; change windows and alerts"]
    rig.simulator.finish()
    assert agent.stop() == 0
    with agent.store() as store:
        kept = store.series(0, 2**62)
    assert {name: kept[name].times_us.tolist() for name in ("FS1", "FS2", "VS1")} == {
        name: played[name].times_us.tolist() for name in ("FS1", "FS2", "VS1")
    }


def test_systemd_hears_of_the_reload_and_of_its_end(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        agent = rig.agent()
        agent.start()
        assert systemd.recv(100) == b"READY=1"
        for applied in (True, False):
            agent.settings["alerts"] = {"raise_after": 3 if applied else -1}
            agent.configure()
            os.kill(agent.program.pid, signal.SIGHUP)
            assert systemd.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert systemd.recv(100) == b"READY=1"
            event = "reload_applied" if applied else "reload_refused"
            wait_until(lambda event=event: agent.said(event), event)
        assert agent.status()["conditions"]["settings"]["message"].startswith("reload refused: ")
        assert agent.stop() == 0
