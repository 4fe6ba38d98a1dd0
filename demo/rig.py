"""The rig: `hydrosight-sim`, which replays a recording over Modbus TCP and MQTT, and what it will do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from demo.process import Process, Processes, accepts_connections, free_port, program
from edge_runtime.reading import Series
from edge_runtime.recording import LabelValue, Recording


class Script:
    """What the rig will do: one labelled cycle after the other, each as long as a window.

    Attributes:
        labels: start of each cycle, in order, and what the rig's operators had set in it.
    """

    def __init__(self, recording: Recording) -> None:
        rows = sorted(recording.labels, key=lambda row: row.start_us)
        self.labels: Mapping[int, Mapping[str, LabelValue]] = {row.start_us: row.values for row in rows}
        self._recording = recording

    @property
    def last_start_us(self) -> int:
        """Start of the last cycle."""
        return max(self.labels)

    def after(self, start_us: int) -> Sequence[int]:
        """Starts of the cycles after that one."""
        return [start for start in self.labels if start > start_us]

    def readings(self, starts: Sequence[int]) -> dict[str, Series]:
        """All readings from the first of these cycles on."""
        end_us = self._recording.last_us + 1
        return {name: series.between(starts[0], end_us) for name, series in self._recording.series.items()}


@dataclass(frozen=True)
class Rig:
    """Where the rig is, and how fast its time passes."""

    processes: Processes
    folder: Path
    machine: Path
    recording: Path
    broker_port: int
    modbus_port: int
    speed: float

    @classmethod
    def at_free_port(
        cls, processes: Processes, folder: Path, *, machine: Path, recording: Path, broker_port: int, speed: float
    ) -> "Rig":
        """A rig that isn't running yet."""
        return cls(processes, folder, machine, recording, broker_port, free_port(), speed)

    async def agent_settings(self) -> dict[str, Any]:
        """The agent's settings that match this rig, as `hydrosight-sim config` writes them.

        Raises:
            DemoError: the command fails.
        """
        said = await self.processes.run(
            "hydrosight-sim config",
            [program("hydrosight-sim"), "config", "--machine", self.machine, *self._connections],
            self.folder / "config.log",
        )
        settings: dict[str, Any] = yaml.safe_load(said)
        for source in settings["sources"]["mqtt"]:
            source["protocol"] = "3.1.1"  # all that the demo's broker knows; it doesn't answer any other
        return settings

    async def start(self) -> Process:
        """Replay round after round, until stopped.

        Raises:
            DemoError: it doesn't start.
        """
        process = await self.processes.start(
            "the rig",
            [
                *(program("hydrosight-sim"), "serve", "--machine", self.machine, "--recording", self.recording),
                *self._connections,
            ],
            self.folder / "rig.log",
        )
        await process.until(lambda: accepts_connections(self.modbus_port))
        return process

    @property
    def _connections(self) -> list[str]:
        return [
            *("--speed", str(self.speed)),
            *("--modbus", f"127.0.0.1:{self.modbus_port}", "--mqtt", f"127.0.0.1:{self.broker_port}"),
        ]
