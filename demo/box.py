"""The box at the machine: `hydrosight`, configured, enrolled and running."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from demo.centre import Centre
from demo.process import Processes, program


@dataclass(frozen=True)
class Box:
    """An agent with its settings in `folder`."""

    processes: Processes
    folder: Path

    def configure(self, base: Mapping[str, object], *, machine: Path, bundle: Path, centre: Centre) -> None:
        """Write the agent's settings: sources and broker of `base`, and the demo's centre and model.

        The rig's minute passes in seconds here, so what waits for time waits less than in the field.
        """
        settings = {
            **base,
            "machine": str(machine),
            "data_directory": str(self.folder / "data"),
            "store": {"flush_interval_s": 0.2},
            "windows": {"lateness_s": 10},
            "centre": {"url": centre.url, "ca_file": str(centre.ca_file), "spread_s": 0.0},
            "model": {
                "bundle": str(bundle),
                "trust_root": str(centre.trust_root),
                "check_interval_s": 2,
                "probation_windows": 3,
            },
            "health": {"port": 0},
        }
        self._config.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), encoding="utf-8")

    async def enrol(self, token: str) -> str:
        """Swap the one-time token for a credential; returns what the command says.

        Raises:
            DemoError: the command fails.
        """
        token_file = self.folder / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(token)
        said = await self.processes.run(
            "hydrosight enrol",
            [program("hydrosight"), "enrol", "--config", self._config, "--token-file", token_file],
            self.folder / "enrol.log",
        )
        return said.strip()

    async def run(self) -> None:
        """Start the agent.

        Raises:
            DemoError: it doesn't start.
        """
        running = self.folder / "data" / "running.json"
        process = await self.processes.start(
            "the agent",
            [program("hydrosight"), "run", "--config", self._config],
            self.folder / "agent.log",
        )

        async def announced() -> bool:
            return running.exists()

        await process.until(announced)

    async def reconcile(self) -> str:
        """Compare the box's account of its readings with the centre's; returns the verdict.

        Raises:
            DemoError: a reading is missing at the centre, or there twice.
        """
        said = await self.processes.run(
            "hydrosight sync reconcile",
            [program("hydrosight"), "sync", "reconcile", "--config", self._config, "--json"],
            self.folder / "reconcile.log",
        )
        return str(json.loads(said)["verdict"])

    @property
    def _config(self) -> Path:
        return self.folder / "agent.yaml"
