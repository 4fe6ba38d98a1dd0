"""What the signed repository offers, with every signature checked as a box checks it.

The anchor is the repository's own newest root: this guards against files that were damaged or half restored, and
against whoever may write the folder but has no key. Expiry isn't asked: an operator who forgot to refresh stops updates
of the boxes, not diagnosis.
"""

from pathlib import Path
from typing import Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from cloud_sync.cloud.registry.signed_repository import SignedRepository
from cloud_sync.model_target import MODELS_FOLDER, ModelTarget
from edge_runtime.errors import UpdateError

_HINT = "Restore the repository from its copy, or sign it again: hydrosight-cloud model renew"


class VerifiedModels:
    """The published models, read anew only after the repository has changed."""

    def __init__(self, directory: Path) -> None:
        self._repository = SignedRepository(directory)
        self._timestamp = directory / "metadata" / "timestamp.json"
        self._seen: tuple[int, int] | None = None
        self._targets: dict[str, TargetFile] = {}
        self._models: tuple[ModelTarget, ...] = ()

    def models(self) -> tuple[ModelTarget, ...]:
        """All of them; none while the repository is empty.

        Raises:
            UpdateError: a signature is missing or wrong, or the repository is damaged.
        """
        if not self._repository.exists:
            return ()
        try:
            state = self._timestamp.stat()
            if (state.st_mtime_ns, state.st_ino) != self._seen:
                self._read()
                self._seen = state.st_mtime_ns, state.st_ino
        except (OSError, RepositoryError) as error:
            raise UpdateError(f"the model repository can't be trusted: {error}", hint=_HINT) from error
        return self._models

    def archive(self, model: ModelTarget) -> Path:
        """Where the archive of a model lies, its content checked.

        Raises:
            UpdateError: it isn't what was signed, or isn't there.
        """
        target = self._targets[model.path]
        path = self._repository.target_path(target)
        try:
            with path.open("rb") as content:
                target.verify_length_and_hashes(content)
        except (OSError, RepositoryError) as error:
            raise UpdateError(f"{path}: isn't what was signed: {error}", hint=_HINT) from error
        return path

    def _read(self) -> None:
        metadata = self._timestamp.parent
        root: Metadata[Root] = Metadata.from_file(str(self._repository.root_path))
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
        timestamp: Metadata[Timestamp] = _checked(root.signed, Timestamp.type, self._timestamp)
        version = timestamp.signed.snapshot_meta.version
        snapshot: Metadata[Snapshot] = _checked(root.signed, Snapshot.type, metadata / f"{version}.snapshot.json")
        version = snapshot.signed.meta["targets.json"].version
        targets: Metadata[Targets] = _checked(root.signed, Targets.type, metadata / f"{version}.targets.json")
        self._targets = {p: t for p, t in targets.signed.targets.items() if p.startswith(MODELS_FOLDER)}
        self._models = tuple(ModelTarget.model_validate(target.custom) for target in self._targets.values())


def _checked(root: Root, role: str, path: Path) -> Metadata[Any]:
    metadata: Metadata[Any] = Metadata.from_file(str(path))
    root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    return metadata
