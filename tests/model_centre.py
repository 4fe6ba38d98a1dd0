"""A centre with a signed model repository on a real HTTP server, and boxes that trust it."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from cloud_sync.cloud.registry.keys import Keys, create_keys
from cloud_sync.cloud.registry.models import Registry
from cloud_sync.cloud.registry.settings import SettingsRegistry
from cloud_sync.edge.ota import ModelUpdates
from cloud_sync.edge.settings_updates import SettingsUpdates
from cloud_sync.model_target import ModelTarget
from cloud_sync.settings_target import SettingsTarget
from tests.model_bundle import write_bundle
from tests.servers.file_server import FileServer

START = datetime(2026, 3, 1, tzinfo=UTC)


class Centre:
    """Keys, registry and server; `now` is the time of centre and boxes alike."""

    def __init__(
        self, directory: Path, server: FileServer, *, targets_keys: int = 1, targets_threshold: int = 1
    ) -> None:
        self.directory = directory
        self.server = server
        self.now = START
        create_keys(directory / "keys", targets_keys=targets_keys)
        self.keys = Keys(directory / "keys")
        self.registry = Registry.create(
            self.repository, self.keys, now=self.now, thresholds={"targets": targets_threshold}
        )
        self.root = self.registry.root_path.read_bytes()
        server.folder = self.repository

    @property
    def repository(self) -> Path:
        return self.directory / "repository"

    def publish(self, release: int, **manifest: object) -> ModelTarget:
        """Publish model "rig" as version <release>.0.0."""
        bundle = write_bundle(
            self.directory / f"bundle-{release}-{len(self.registry.models())}",
            **({"version": f"{release}.0.0", "release": release, "model": b"weights %d" % release} | manifest),
        )
        return self.registry.publish(bundle, self.keys, now=self.now, agent_version="99.0.0")

    def publish_settings(self, content: bytes, addressee: str = "tiny", **options: int) -> SettingsTarget:
        """Publish a settings document."""
        return SettingsRegistry(self.repository).publish(content, addressee, self.keys, now=self.now, **options)

    def settings_of(self, client: httpx.Client, name: str = "box") -> SettingsUpdates:
        """A box's look at settings; the same name is the same box as `box` gives."""
        return SettingsUpdates(
            self.directory / name / "trust",
            self.directory / name / "settings",
            self.server.url,
            self.root,
            client=client,
            reference_time=lambda: self.now,
        )

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)

    def copy_repository(self, name: str) -> Path:
        """The repository as it is now, for an attacker to keep."""
        return Path(shutil.copytree(self.repository, self.directory / name))

    def box(self, client: httpx.Client, name: str = "box") -> ModelUpdates:
        """A box that was given the first root; the same name is the same box after a restart."""
        return ModelUpdates(
            self.directory / name / "trust",
            self.directory / name / "downloads",
            self.server.url,
            self.root,
            client=client,
            reference_time=lambda: self.now,
            agent_version="0.1.0",
        )

    def tree_of(self, name: str = "box") -> Path:
        """Where a box keeps what it knows."""
        return self.directory / name
