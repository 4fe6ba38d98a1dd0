"""Take over a repository that was signed elsewhere, by keys that aren't here.

TUF verifies it from the root that is trusted here, as on a box: the chain of roots, the thresholds of signatures, that
nothing is older than what is here (roll-back), belongs to another state (mix and match) or has expired. What arrives is
written after it was verified, and in the order of every change: the timestamp, which points at the rest, comes last. So
what is refused, or cut short, leaves readers with the state that they had.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Snapshot, TargetFile, Targets
from tuf.ngclient import FetcherInterface, Updater

from cloud_sync.cloud.registry.signed_repository import SignedRepository
from cloud_sync.model_target import MODELS_FOLDER, ModelTarget
from cloud_sync.settings_target import SETTINGS_FOLDER, SettingsTarget
from edge_runtime.errors import ConfigurationError, UpdateError

_TIMESTAMP = "timestamp.json"
_SIGN_AGAIN = (
    "Copy this centre's repository to where the keys are, sign there again, and bring that: docs/model-updates.md"
)
_COPY_AGAIN = "Copy it again, whole, from where it was signed."
_REFUSALS: tuple[tuple[type[RepositoryError], str, str], ...] = (
    (
        ExpiredMetadataError,
        "the signatures have expired",
        "Where the keys are: hydrosight-cloud model refresh, or renew.",
    ),
    (BadVersionNumberError, "it is older than what is here, or mixed of several states", _SIGN_AGAIN),
    (UnsignedMetadataError, "too few signatures of keys that are trusted here", _SIGN_AGAIN),
    (LengthOrHashMismatchError, "it isn't what was signed", _COPY_AGAIN),
    (RepositoryError, "its metadata is refused", _COPY_AGAIN),
)


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What has changed.

    Attributes:
        offered: targets that are new, such as "models/zema-rig/1.4.0.tar".
        withdrawn: those that aren't offered any more.
        state: number of the state that is here now; it rises with every change.
        former: that of the one before, 0 for none.
    """

    offered: tuple[str, ...]
    withdrawn: tuple[str, ...]
    state: int
    former: int


def take_over(incoming: Path, directory: Path, *, root: bytes | None = None) -> TakenOver:
    """Bring the repository `directory` to the state of `incoming`; of the same state nothing changes.

    Args:
        incoming: folder with `metadata` and `targets`, as the registry makes it.
        directory: the centre's repository.
        root: metadata of the root to trust where there is no repository yet; else what is there is trusted.

    Raises:
        UpdateError: it can't be trusted, or isn't whole; nothing has changed for readers.
        ConfigurationError: no root is trusted yet, or the repository can't be read or written.
    """
    repository = SignedRepository(directory)
    with repository.changing(create=root is not None), TemporaryDirectory(prefix="hydrosight-incoming-") as work:
        held = repository.exists
        if not held and root is None:
            raise ConfigurationError(
                f"{directory}: no repository yet, so no root is trusted",
                hint="Name the one that boxes were given: hydrosight-cloud model import FOLDER --root 1.root.json",
            )
        before, former = (repository.targets().targets, repository.timestamp().version) if held else ({}, 0)
        if held:
            _seed(repository, Path(work))
        with _refusals(incoming):
            _refresh(incoming, Path(work), repository.root_path.read_bytes() if held else root)
            if held and _same_state(repository, incoming, Path(work)):
                return TakenOver((), (), former, former)
            targets = Metadata[Targets].from_file(str(Path(work, "targets.json"))).signed.targets
            for path, target in targets.items():
                _bring(path, target, incoming, repository)
        _publish(repository, Path(work))
        return TakenOver(
            tuple(sorted(path for path, target in targets.items() if before.get(path) != target)),
            tuple(sorted(set(before) - set(targets))),
            repository.timestamp().version,
            former,
        )


class _FromFolder(FetcherInterface):
    """Reads what TUF asks for from a folder; its addresses are paths."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            return iter((Path(url).read_bytes(),))
        except FileNotFoundError as error:
            raise DownloadHTTPError(f"{url}: isn't there", 404) from error


def _seed(repository: SignedRepository, work: Path) -> None:
    """Let TUF know the state that is here, which nothing may fall behind."""
    timestamp, snapshot = repository.timestamp(), repository.snapshot()
    version = snapshot.meta["targets.json"].version
    for name, source in (
        (_TIMESTAMP, _TIMESTAMP),
        ("snapshot.json", f"{timestamp.snapshot_meta.version}.snapshot.json"),
        ("targets.json", f"{version}.targets.json"),
    ):
        shutil.copyfile(repository.metadata / source, work / name)


def _refresh(incoming: Path, work: Path, root: bytes | None) -> None:
    """Verify the metadata; what was verified lies in `work` then."""
    Updater(str(work), f"{incoming}/metadata/", fetcher=_FromFolder(), bootstrap=root).refresh()


def _same_state(repository: SignedRepository, incoming: Path, work: Path) -> bool:
    """Whether `incoming` is what is here.

    Raises:
        UpdateError: it has the same number and another content: both were signed at the same time.
    """
    here = (repository.metadata / _TIMESTAMP).read_bytes()
    if (work / _TIMESTAMP).read_bytes() != here:
        return False
    if (incoming / "metadata" / _TIMESTAMP).read_bytes() != here:
        raise UpdateError(
            f"{incoming}: has the number {repository.timestamp().version}, which is given to another state here",
            hint=f"Was something signed here meanwhile, such as by the daily refresh? {_SIGN_AGAIN}",
        )
    return True


def _bring(path: str, target: TargetFile, incoming: Path, repository: SignedRepository) -> None:
    """Store a target's content, unless it is here."""
    try:
        named = _path_by(path, target.custom)
    except ValidationError as error:
        raise UpdateError(f"{incoming}: {path} doesn't say what it is: {error}", hint=_COPY_AGAIN) from error
    if named != path:
        raise UpdateError(f"{incoming}: {path} is no model and no settings document", hint="Upgrade this centre first.")
    place = repository.target_path(target)
    if _is_whole(target, place):
        return
    content = (incoming / "targets" / target.get_prefixed_paths()[0]).read_bytes()
    target.verify_length_and_hashes(content)
    repository.write(place, content)


def _path_by(path: str, custom: object) -> str:
    """The path that a target of this kind has by what it says of itself."""
    if path.startswith(MODELS_FOLDER):
        return ModelTarget.model_validate(custom).path
    return SettingsTarget.model_validate(custom).path if path.startswith(SETTINGS_FOLDER) else ""


def _is_whole(target: TargetFile, place: Path) -> bool:
    try:
        target.verify_length_and_hashes(place.read_bytes())
    except (OSError, LengthOrHashMismatchError):
        return False
    return True


def _publish(repository: SignedRepository, work: Path) -> None:
    """Write the verified metadata where readers look for it, the timestamp last."""
    roots = sorted((work / "root_history").glob("*.root.json"), key=lambda path: int(path.name.partition(".")[0]))
    for file in roots:
        if not (repository.metadata / file.name).exists():
            repository.write(repository.metadata / file.name, file.read_bytes())
    for role in (Targets.type, Snapshot.type):
        content = (work / f"{role}.json").read_bytes()
        metadata: Metadata[Any] = Metadata.from_bytes(content)
        repository.write(repository.metadata / f"{metadata.signed.version}.{role}.json", content)
    repository.write(repository.metadata / _TIMESTAMP, (work / _TIMESTAMP).read_bytes())


@contextmanager
def _refusals(incoming: Path) -> Iterator[None]:
    """What TUF says, as an error that says what to do."""
    try:
        yield
    except RepositoryError as error:
        what, hint = next((what, hint) for kind, what, hint in _REFUSALS if isinstance(error, kind))
        raise UpdateError(f"{incoming}: {what}: {error}", hint=hint) from error
    except (DownloadError, OSError) as error:
        raise UpdateError(f"{incoming}: isn't a whole repository: {error}", hint=_COPY_AGAIN) from error
