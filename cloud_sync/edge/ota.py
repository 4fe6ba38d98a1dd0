"""Model updates over the air: what the centre offers, verified by TUF, fetched and unpacked as a checked bundle.

Whatever is refused, the model in use stays in use.
"""

import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed_version
from pathlib import Path

import httpx
from pydantic import ValidationError
from tuf.api.metadata import TargetFile

from cloud_sync.bundle_archive import MAX_ARCHIVE_BYTES, unpack_bundle
from cloud_sync.edge.trusted_repository import TrustedRepository
from cloud_sync.edge.tuf_client import TrustedUpdater
from cloud_sync.model_target import MODELS_FOLDER, ModelTarget
from edge_runtime.bundle import open_bundle
from edge_runtime.durable import sync_folder
from edge_runtime.errors import BundleError, UpdateError

_PUBLISH_AGAIN = "Publish the bundle again with `hydrosight-cloud model publish`."


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that the centre offers and that is newer than the one asked about.

    Attributes:
        model: what was signed about it.
        size_bytes: what has to be downloaded.
    """

    model: ModelTarget
    size_bytes: int

    @property
    def version(self) -> str:
        """The model's version."""
        return self.model.version

    @property
    def release(self) -> int:
        """The model's release counter."""
        return self.model.release


class ModelUpdates:
    """The over-the-air client of one box. Use it from one thread at a time.

    Args:
        metadata_dir: where trusted metadata is kept; must survive restarts.
        download_dir: where parts of downloads and the newest unpacked bundle lie; nothing else may.
        base_url: of the signed repository, above its `metadata/` and `targets/`.
        root: the root metadata that this box was given by hand; the anchor of all trust.
        client: reused for all requests; see `cloud_sync.edge.link`.
        reference_time: what time it is at least, in UTC: the later of the clock and its floor.
        agent_version: models that need a newer agent are left alone; the installed version by default.
    """

    def __init__(
        self,
        metadata_dir: Path,
        download_dir: Path,
        base_url: str,
        root: bytes,
        *,
        client: httpx.Client,
        reference_time: Callable[[], datetime],
        agent_version: str | None = None,
    ) -> None:
        self._download_dir = download_dir
        self._repository = TrustedRepository(
            metadata_dir, download_dir, base_url, root, client=client, reference_time=reference_time
        )
        self._agent_version = agent_version or installed_version("hydrosight")

    @property
    def signed_at(self) -> datetime | None:
        """When the centre signed the newest state that this object has verified: it is later than that now."""
        return self._repository.signed_at

    def check(self, name: str, above_release: int, version: str | None = None) -> Candidate | None:
        """The newest model `name` that runs on this agent, if its release is above `above_release`.

        With `version` that one alone is looked at.

        Raises:
            UpdateError: the repository was refused, all newer models need a newer agent, or `version` isn't signed.
            CentreUnreachableError: the centre doesn't answer.
            CredentialError: the centre wants another credential.
        """
        with self._repository.refreshed() as updater:
            targets = updater.targets.targets
        signed = [
            candidate
            for candidate in (
                _candidate(target) for path, target in targets.items() if path.startswith(f"{MODELS_FOLDER}{name}/")
            )
            if version in {None, candidate.version}
        ]
        if version is not None and not signed:
            raise UpdateError(
                f"the centre offers model {name} {version}, which nobody has signed",
                hint="Publish it with `hydrosight-cloud model publish`, or roll out a version that is.",
            )
        newer = [candidate for candidate in signed if candidate.release > above_release]
        fitting = [candidate for candidate in newer if candidate.model.runs_on(self._agent_version)]
        if newer and not fitting:
            first = min(newer, key=lambda candidate: candidate.release).model
            raise UpdateError(
                f"model {name} {first.version} needs agent {first.minimum_agent_version} or newer, "
                f"this is {self._agent_version}",
                hint="Update the agent; the model follows by itself.",
            )
        return max(fitting, key=lambda candidate: candidate.release, default=None)

    def download(self, candidate: Candidate) -> Path:
        """Fetch a candidate and unpack it; returns the bundle's folder, every file of it checked and on the disk.

        An interrupted download goes on where it stopped when this is called again. The folder stands until another
        model is downloaded.

        Raises:
            UpdateError: the model was withdrawn or refused, or there is no room for it.
            CentreUnreachableError: the centre doesn't answer, or the connection was cut.
            CredentialError: the centre wants another credential.
        """
        model = candidate.model
        folder = self._download_dir / f"{model.name}-{model.version}"
        with self._repository.refreshed() as updater:
            target = updater.get_targetinfo(model.path)
            if target is None or _candidate(target) != candidate:
                raise UpdateError(
                    f"model {model.name} {model.version} is no longer offered as it was",
                    hint="Check for updates again.",
                )
            self._clear(keep=(folder, self._repository.part_path(target.get_prefixed_paths()[0])))
            if not self._is_unpacked(model, folder):
                self._fetch(updater, target, model, folder)
        return folder

    def _fetch(self, updater: TrustedUpdater, target: TargetFile, model: ModelTarget, folder: Path) -> None:
        archive, fresh = self._download_dir / ".archive", self._download_dir / ".unpacking"
        updater.download_target(target, str(archive))
        fresh.mkdir(mode=0o700)
        with archive.open("rb") as file:
            unpack_bundle(file, fresh)
        sync_folder(fresh)
        archive.unlink()
        try:
            bundle = open_bundle(fresh, agent_version=self._agent_version)
        except BundleError as error:
            raise UpdateError(f"model {model.name} {model.version}: {error}", hint=error.hint) from error
        if ModelTarget.of(bundle.manifest, bundle.sha256) != model:
            raise UpdateError(
                f"model {model.name} {model.version}: the bundle inside is {bundle.manifest.name} "
                f"{bundle.manifest.version}, release {bundle.manifest.release}, manifest {bundle.sha256}, "
                f"other than what was signed: release {model.release}, manifest {model.manifest_sha256}",
                hint=_PUBLISH_AGAIN,
            )
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
        sync_folder(self._download_dir)

    def _is_unpacked(self, model: ModelTarget, folder: Path) -> bool:
        try:
            bundle = open_bundle(folder, agent_version=self._agent_version)
        except BundleError:
            return False
        return bundle.sha256 == model.manifest_sha256

    def _clear(self, keep: Collection[Path]) -> None:
        """Remove what earlier downloads left, so that they never add up to a full disk."""
        self._download_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for entry in self._download_dir.iterdir():
            if entry in keep:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def _candidate(target: TargetFile) -> Candidate:
    """What the signed target says, held against its own path.

    Raises:
        UpdateError: it isn't a model, or is larger than a bundle can be.
    """
    try:
        model = ModelTarget.model_validate(target.custom)
    except ValidationError as error:
        raise UpdateError(f"{target.path}: what was signed is not a model: {error}", hint=_PUBLISH_AGAIN) from error
    if model.path != target.path or target.length > MAX_ARCHIVE_BYTES:
        raise UpdateError(
            f"{target.path}: was signed as {model.path}, {target.length} bytes; at most {MAX_ARCHIVE_BYTES} are taken",
            hint=_PUBLISH_AGAIN,
        )
    return Candidate(model, target.length)
