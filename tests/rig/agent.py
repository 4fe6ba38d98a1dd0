"""The box: `hydrosight run` on settings that fit the simulated machine."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from agent.store.reader import StoreReader
from edge_runtime.machine_file import load_machine
from simulator.agent_config import Locations, agent_config
from simulator.endpoint import Endpoint
from tests.models.tiny_bundle import build_tiny_bundle
from tests.rig.program import Program
from tests.rig.recordings import MACHINE
from tests.rig.until import until

HEALTHY, FAILED = -20.0, 20.0
"""Level biases of a model to which every component is healthy, or has failed."""

POLL_S = 0.012
"""A little faster than a sample a second comes at speed 60."""


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the log: a part of the agent went wrong, or that is over."""

    part: str
    healthy: bool
    message: str
    hint: str


class Agent:
    """An agent in `folder`; `settings` may be changed until it starts."""

    def __init__(self, folder: Path, *, modbus_port: int, broker_port: int, level_bias: float = HEALTHY) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.bundle = build_tiny_bundle(folder / "bundle", machine=load_machine(MACHINE), level_bias=level_bias)
        self.settings = _settings(self.bundle, folder / "data", modbus_port, broker_port)
        self._config = folder / "agent.yaml"
        self._program = Program("agent.cli.main", ["run", "--config", self._config], folder / "agent.log")

    @property
    def config(self) -> Path:
        """The settings' file."""
        return self._config

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self.settings["data_directory"])

    @property
    def program(self) -> Program:
        """The process."""
        return self._program

    def configure(self) -> Path:
        """Write the settings."""
        self._config.write_text(yaml.safe_dump(self.settings, sort_keys=False), encoding="utf-8")
        return self._config

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self.configure()
        self._program.start()
        until(lambda: self.said("ready") or not self._program.running, "the agent is ready")
        assert self.said("ready"), "\n".join(self._program.lines)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._program.kill()

    def stop(self, timeout_s: float = 30) -> int:
        """SIGTERM; its exit status."""
        self._program.terminate()
        return self._program.wait(timeout_s)

    @property
    def log(self) -> list[dict[str, Any]]:
        """What this run has logged."""
        return [json.loads(line) for line in self._program.lines if line.startswith("{")]

    def said(self, event: str) -> list[dict[str, Any]]:
        """This run's log lines of one event."""
        return [line for line in self.log if line.get("event") == event]

    def changes(self, part: str) -> list[Change]:
        """What this run has said about one of its parts after it was ready for the first time, in order."""
        return [
            Change(line["part"], line["event"] == "part_recovered", line["message"], line.get("hint", ""))
            for line in self.log
            if line.get("event") in {"part_failed", "part_recovered"} and line["part"] == part
        ]

    def status(self) -> dict[str, Any]:
        """Its own account of itself, over HTTP."""
        port = self.said("ready")[-1]["health_port"]
        return dict(httpx.get(f"http://127.0.0.1:{port}/status", timeout=10).raise_for_status().json())

    def store(self) -> StoreReader:
        """A look into its store, whether it runs or not."""
        return StoreReader.open_read_only(self.data / "store.db")

    def windows(self) -> int:
        """How many windows its store holds."""
        if not (self.data / "store.db").exists():
            return 0
        with self.store() as store:
            return len(store.windows(limit=100_000))


def _settings(bundle: Path, data: Path, modbus_port: int, broker_port: int) -> dict[str, Any]:
    text = agent_config(
        load_machine(MACHINE),
        Endpoint("127.0.0.1", modbus_port),
        Endpoint("127.0.0.1", broker_port),
        Locations(str(MACHINE), str(bundle), str(data)),
        speed=60,
    )
    settings: dict[str, Any] = yaml.safe_load(text)
    (device,), (publisher,) = settings["sources"]["modbus"], settings["sources"]["mqtt"]
    device |= {"longest_retry_s": 0.1}
    for group in device["groups"]:
        group["period_s"] = POLL_S
    publisher |= {"longest_retry_s": 0.1, "client_id": f"box-{data.parent.name}-{modbus_port}"}
    # The rig's minute passes in a second here; a second of lateness is then a minute.
    return settings | {
        "store": {"flush_interval_s": 0.1},
        "windows": {"lateness_s": 45},
        "health": {"port": 0},
    }
