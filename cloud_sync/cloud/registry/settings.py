"""Settings documents in the signed repository: what has been published, and every change as one signed step."""

from datetime import datetime
from pathlib import Path

import yaml
from tuf.api.metadata import Targets

from cloud_sync.cloud.registry.keys import Keys
from cloud_sync.cloud.registry.signed_repository import SignedRepository
from cloud_sync.settings_target import MAX_DOCUMENT_BYTES, SETTINGS_FOLDER, SettingsTarget
from edge_runtime.errors import ConfigurationError, UpdateError


class SettingsRegistry:
    """The documents in the TUF repository `directory`, beside the models. Each change takes the keys that sign models.

    Raises, throughout:
        ConfigurationError: there is no repository, it is damaged, it can't be written, or a key is missing.
    """

    def __init__(self, directory: Path) -> None:
        self._repository = SignedRepository(directory)

    def documents(self) -> list[SettingsTarget]:
        """Every published document, by addressee and version."""
        return sorted(_documents(self._repository.targets()), key=lambda one: (one.addressee, one.version))

    def publish(
        self, content: bytes, addressee: str, keys: Keys, *, now: datetime, version: int | None = None
    ) -> SettingsTarget:
        """Sign a document and offer it to the boxes that follow `addressee`.

        `version`: the next one by default.

        Raises:
            UpdateError: the version isn't above all that are published for the addressee.
            ConfigurationError: `content` isn't a YAML mapping, or is too large. What it says is judged by the box.
        """
        _check_form(content, addressee)
        with self._repository.changing():
            return self._offer(content, addressee, version, keys, now)

    def roll_back(self, addressee: str, *, to: int, keys: Keys, now: datetime) -> SettingsTarget:
        """Offer the document of version `to` again, as the newest: boxes never go to a lower version.

        Raises:
            UpdateError: it isn't published.
        """
        with self._repository.changing():
            path = SettingsTarget(addressee=addressee, version=to).path
            old = self._repository.targets().targets.get(path)
            if old is None:
                raise UpdateError(
                    f"settings of {addressee}, version {to}, are not published",
                    hint="See `hydrosight-cloud settings list` for what is.",
                )
            content = self._repository.target_path(old).read_bytes()
            return self._offer(content, addressee, None, keys, now)

    def _offer(self, content: bytes, addressee: str, version: int | None, keys: Keys, now: datetime) -> SettingsTarget:
        targets = self._repository.targets()
        highest = max((one.version for one in _documents(targets) if one.addressee == addressee), default=0)
        document = SettingsTarget(addressee=addressee, version=highest + 1 if version is None else version)
        if document.version <= highest:
            raise UpdateError(
                f"version {document.version} of the settings for {addressee} is not above {highest}, "
                "the highest that is published",
                hint=f"Publish it with --version {highest + 1}, or auto: boxes never go to a lower one.",
            )
        self._repository.publish(targets, document.path, content, document.model_dump(), keys=keys, now=now)
        return document


def _documents(targets: Targets) -> list[SettingsTarget]:
    return [
        SettingsTarget.model_validate(target.custom)
        for path, target in targets.targets.items()
        if path.startswith(SETTINGS_FOLDER)
    ]


def _check_form(content: bytes, addressee: str) -> None:
    if len(content) > MAX_DOCUMENT_BYTES:
        raise ConfigurationError(
            f"settings for {addressee}: {len(content)} bytes, boxes take {MAX_DOCUMENT_BYTES}",
            hint="A document holds the sections to be changed and nothing else.",
        )
    try:
        parsed = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"settings for {addressee}: not YAML: {error}", hint="Mend the line named.") from error
    if not isinstance(parsed, dict):
        raise ConfigurationError(
            f"settings for {addressee}: not a mapping of sections", hint="Write it as docs/remote-settings.md shows."
        )
