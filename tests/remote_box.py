"""A box that follows settings documents, without its sources, its centre or time: they are what the test says."""

import asyncio
from pathlib import Path

import yaml

from agent.box_clock import BoxClock
from agent.configuration import configuration_to_start_with, load_own
from agent.parts import Part, Parts, source_part_name
from agent.reload import Reloader
from agent.remote.follower import Box, Follower
from agent.remote.probation import SourceHealth
from agent.remote.trial_file import TrialFile
from agent.status import AgentStatus
from cloud_sync.edge.settings_updates import OfferedSettings
from cloud_sync.settings_target import SettingsTarget
from tests.models.tiny_bundle import TINY_MACHINE, tiny_machine

SENSORS = [sensor.name for sensor in tiny_machine().sensors]
BEAT_S = 5.0
PROBATION_S = 10
PATIENCE_S = 10
WORKS, DEAD, DUMB = "works", "dead", "dumb"
"""Hosts: one that delivers, one that can't be reached, one that can be and delivers nothing."""


def sources(**hosts: str) -> dict:
    """The section: by name of a source, the host that it reads."""
    return {
        "modbus": [
            {
                "name": name,
                "transport": {"type": "tcp", "host": host},
                "groups": [{"registers": [{"sensor": sensor, "address": 0}]}],
            }
            for (name, host), sensor in zip(hosts.items(), SENSORS, strict=False)
        ]
    }


class RemoteBox:
    """One box. `start` begins a run of its agent over what the run before left on the disk.

    Attributes:
        offers: what the centre has published, by version.
        told: versions and actions that the operator has heard of.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "agent.yaml"
        self.offers: dict[int, bytes] = {}
        self.told: list[tuple[int, str]] = []
        self.error: Exception | None = None
        self.signed_at = None

    def configure(self, **changes: object) -> None:
        """Write the box's own files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "machine.yaml").write_text(TINY_MACHINE)
        document = {
            "machine": "machine.yaml",
            "data_directory": "data",
            "model": {"bundle": "bundle", "trust_root": "root.json"},
            "centre": {"url": "https://centre"},
            "remote_settings": {"probation_s": PROBATION_S, "patience_s": PATIENCE_S},
            "sources": sources(plc=WORKS, rig=WORKS),
        }
        self.config.write_text(yaml.safe_dump(document | changes))

    @property
    def trials(self) -> TrialFile:
        return TrialFile(load_own(self.config).local.remote_trial_file)

    def publish(self, version: int, **sections: object) -> None:
        self.offers[version] = yaml.safe_dump(sections).encode()

    def newest(self, addressee: str, above: int) -> OfferedSettings | None:
        """As `SettingsUpdates` says."""
        if self.error:
            raise self.error
        version = max(self.offers, default=0)
        if version <= above:
            return None
        return OfferedSettings(SettingsTarget(addressee=addressee, version=version), self.offers[version])

    def start(self) -> "Run":
        return Run(self)


class Run:
    """One run of the agent, as far as settings go."""

    def __init__(self, box: RemoteBox) -> None:
        self._box = box
        self.configuration = configuration_to_start_with(box.config)
        self.status = AgentStatus()
        self.running = Parts(self.status)
        self.reloader = Reloader(self.configuration, self, self.running)
        self.follower = Follower(
            self.configuration.local.remote_settings,
            self.configuration.machine.name,
            box,
            box.trials,
            BoxClock(box.folder / "floor"),
            Box(self.reloader, self._health, self._notify, self.status),
            BEAT_S,
        )
        for one in self.configuration.settings.sources.every:
            self.running.start(self.source_part(one))

    async def steps(self, count: int = 1) -> None:
        for _ in range(count):
            await self.follower.step()

    async def stop(self) -> None:
        await self.running.stop_all()

    def hosts(self) -> dict[str, str]:
        """By name of a source that runs, the host that it reads."""
        every = self.reloader.running.settings.sources.every
        assert {source_part_name(source.name) for source in every} == set(self.running.names)
        return {source.name: source.transport.host for source in every}

    def condition(self) -> str:
        return self.status.snapshot().conditions["remote settings"].message

    async def parts(self, settings, names):
        return []

    async def tune(self, settings, names):
        pass

    def settled(self, settings):
        pass

    def source_part(self, settings):
        return Part(source_part_name(settings.name), asyncio.Event().wait)

    def _health(self):
        return {name: SourceHealth(host != DEAD, 100 * (host == WORKS)) for name, host in self.hosts().items()}

    async def _notify(self, events):
        self._box.told += [(event.version, str(event.action)) for event in events]
