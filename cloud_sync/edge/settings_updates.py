"""Settings from the centre: the newest document for this box, verified by TUF."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
from pydantic import ValidationError
from tuf.api.metadata import TargetFile

from cloud_sync.edge.trusted_repository import TrustedRepository
from cloud_sync.settings_target import MAX_DOCUMENT_BYTES, SETTINGS_FOLDER, SettingsTarget
from edge_runtime.errors import UpdateError

_PUBLISH_AGAIN = "Publish the document again with `hydrosight-cloud settings publish`."


@dataclass(frozen=True, slots=True)
class OfferedSettings:
    """A document as it was signed: what it is, and its bytes."""

    target: SettingsTarget
    content: bytes


class SettingsUpdates:
    """Looks for settings documents. Use it from one thread at a time; its arguments are TrustedRepository's."""

    def __init__(
        self,
        metadata_dir: Path,
        download_dir: Path,
        base_url: str,
        root: bytes,
        *,
        client: httpx.Client,
        reference_time: Callable[[], datetime],
    ) -> None:
        self._download_dir = download_dir
        self._repository = TrustedRepository(
            metadata_dir, download_dir, base_url, root, client=client, reference_time=reference_time
        )

    @property
    def signed_at(self) -> datetime | None:
        """When the centre signed the newest state that this object has verified: it is later than that now."""
        return self._repository.signed_at

    def newest(self, addressee: str, above_version: int) -> OfferedSettings | None:
        """The document with the highest version for `addressee`, if that is above `above_version`.

        Raises:
            UpdateError: the repository or the document was refused, or the disk.
            CentreUnreachableError: the centre doesn't answer.
            CredentialError: the centre wants another credential.
        """
        with self._repository.refreshed() as updater:
            offered = [
                (_settings_target(target), target)
                for path, target in updater.targets.targets.items()
                if path.startswith(f"{SETTINGS_FOLDER}{addressee}/")
            ]
            newest, file = max(offered, key=lambda one: one[0].version, default=(None, None))
            if newest is None or file is None or newest.version <= above_version:
                return None
            self._download_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            document = self._download_dir / "document.yaml"
            updater.download_target(file, str(document))
            content = document.read_bytes()
            document.unlink()
            return OfferedSettings(newest, content)


def _settings_target(target: TargetFile) -> SettingsTarget:
    """What the signed target says, held against its own path.

    Raises:
        UpdateError: it isn't a settings document, was signed for somebody else, or is too large.
    """
    try:
        settings = SettingsTarget.model_validate(target.custom)
    except ValidationError as error:
        raise UpdateError(
            f"{target.path}: what was signed is no settings document: {error}", hint=_PUBLISH_AGAIN
        ) from (error)
    if settings.path != target.path:
        raise UpdateError(
            f"{target.path}: was signed as version {settings.version} for {settings.addressee}", hint=_PUBLISH_AGAIN
        )
    if target.length > MAX_DOCUMENT_BYTES:
        raise UpdateError(
            f"{target.path}: {target.length} bytes, at most {MAX_DOCUMENT_BYTES} are taken", hint=_PUBLISH_AGAIN
        )
    return settings
