"""The box at the machine: `hydrosight`, enrolled and running."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from demo.centre import Centre
from demo.process import Process, program


@dataclass(frozen=True)
class Box:
    """A running agent."""

    process: Process
    health_port: int

    @classmethod
    async def start(cls, folder: Path, settings: Mapping[str, object], token: str) -> "Box":
        """Write the agent's settings, enrol it at the centre and run it.

        Raises:
            DemoError: a command fails.
        """
        config = folder / "agent.yaml"
        config.write_text(yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True), encoding="utf-8")
        token_file = folder / "token"
        token_file.write_text(token)
        token_file.chmod(0o600)
        enrol = await Process.start(
            "hydrosight enrol",
            [program("hydrosight"), "enrol", "--config", config, "--token-file", token_file],
            folder / "enrol.log",
        )
        await enrol.finish()
        announcement = folder / "announcement.json"
        process = await Process.start(
            "the agent",
            [program("hydrosight"), "run", "--config", config, "--announce", announcement],
            folder / "agent.log",
        )

        async def announced() -> bool:
            return announcement.exists()

        await process.until(announced)
        return cls(process, json.loads(announcement.read_text())["health_port"])


def settings_with(
    base: Mapping[str, object], folder: Path, *, machine: Path, bundle: Path, broker_port: int, centre: Centre
) -> dict[str, object]:
    """The agent's settings: the sources of `base`, and the demo's broker, centre and model.

    The rig's minute passes in seconds here, so everything that waits for time waits less than in the field.
    """
    return {
        **base,
        "machine": str(machine),
        "data_directory": str(folder / "data"),
        "store": {"flush_interval_s": 0.2},
        "windows": {"lateness_s": 10},
        "broker": {"host": "127.0.0.1", "port": broker_port},
        "centre": {"url": centre.url, "ca_file": str(centre.ca_file)},
        "model": {
            "bundle": str(bundle),
            "trust_root": str(centre.trust_root),
            "check_interval_s": 2,
            "probation_windows": 3,
        },
        "health": {"port": 0},
    }
