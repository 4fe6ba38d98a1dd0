"""A TUF repository on disk: its metadata signed, and written so that no reader ever meets half of a change.

    DIRECTORY/metadata/   1.root.json 2.root.json …  N.targets.json  N.snapshot.json  timestamp.json
    DIRECTORY/targets/    models/<name>/<sha256>.<version>.tar settings/<addressee>/<sha256>.<version>.yaml

Files with a number or a hash in their name never change once something points at them, and are written first;
timestamp.json, which points at the rest, is replaced last. What a crash leaves behind is pointed at by nothing, and the
next change overwrites it.
"""

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from cloud_sync.cloud.registry.keys import ROLES, Keys
from cloud_sync.model_target import SIGNED_AT
from edge_runtime.durable import replace_file
from edge_runtime.errors import ConfigurationError

LIFETIMES = {
    "root": timedelta(days=730),
    "targets": timedelta(days=400),
    "snapshot": timedelta(days=30),
    "timestamp": timedelta(days=7),
}
"""How long a signature counts; docs/adr/0040-model-trust-tuf.md gives the reasons."""

_Role = TypeVar("_Role", Root, Targets, Snapshot, Timestamp)
_Signed = Root | Targets | Snapshot | Timestamp
_HINT = "Make a repository with `hydrosight-cloud model init`, or restore it from its copy."


class SignedRepository:
    """The repository in `directory`.

    Raises, throughout:
        ConfigurationError: there is no repository, it is damaged, it can't be written, or a key is missing.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.metadata = directory / "metadata"

    @property
    def exists(self) -> bool:
        """Whether anything was signed here, or taken over."""
        return any(self.metadata.glob("*.root.json"))

    @property
    def root_path(self) -> Path:
        """The newest root metadata."""
        roots = sorted(self.metadata.glob("*.root.json"), key=lambda path: int(path.name.partition(".")[0]))
        if not roots:
            raise ConfigurationError(
                f"{self.directory}: no model repository", hint="Make one with `hydrosight-cloud model init`."
            )
        return roots[-1]

    def root(self) -> Root:
        """Who signs what."""
        return self._read(Root, self.root_path)

    def timestamp(self) -> Timestamp:
        """The state that readers are pointed at."""
        return self._read(Timestamp, self.metadata / "timestamp.json")

    def snapshot(self) -> Snapshot:
        """The snapshot that the timestamp names."""
        return self._read(Snapshot, self.metadata / f"{self.timestamp().snapshot_meta.version}.snapshot.json")

    def targets(self) -> Targets:
        """The targets that the snapshot names."""
        version = self.snapshot().meta["targets.json"].version
        return self._read(Targets, self.metadata / f"{version}.targets.json")

    @contextmanager
    def changing(self, *, create: bool = False) -> Iterator[None]:
        """Keep other processes from changing the repository meanwhile; `create` its directory if it isn't there."""
        path = self.directory / ".lock"
        try:
            if create:
                self.directory.mkdir(parents=True, exist_ok=True)
            lock = path.open("w")
        except OSError as error:
            raise self._unwritable(path, error) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def create(self, keys: Keys, *, now: datetime, thresholds: Mapping[str, int]) -> None:
        """Sign the first, empty state. Every key that `keys` holds counts from then on.

        `thresholds`: by role, how many of its keys must sign; 1 where it isn't named.
        """
        if self.exists:
            raise ConfigurationError(
                f"{self.directory}: holds a model repository already",
                hint="Publish into it, or name another directory.",
            )
        root = Root(consistent_snapshot=True)
        for role in ROLES:
            signers, threshold = keys.existing(role), thresholds.get(role, 1)
            if not 1 <= threshold <= len(signers):
                raise ConfigurationError(
                    f"{keys.directory}: holds {len(signers)} keys of role {role}, of which {threshold} shall sign",
                    hint="Make the keys first with `hydrosight-cloud model keys init`.",
                )
            for signer in signers:
                root.add_key(signer.public_key, role)
            root.roles[role].threshold = threshold
        self._sign_and_write((Targets(), Snapshot(), Timestamp(), root), root, keys, now)

    def commit(self, keys: Keys, *, now: datetime, root: Root | None = None, targets: Targets | None = None) -> None:
        """Sign `root` and `targets`, where given, as the next versions, then a snapshot and a timestamp that name them.

        A reader who comes between a new root that retires an online key and the new timestamp is refused once and comes
        again: TUF has no way around that.
        """
        old_root, snapshot, timestamp = self.root(), self.snapshot(), self.timestamp()
        if root is not None:
            root.version = old_root.version + 1
        if targets is not None:
            targets.version = snapshot.meta["targets.json"].version + 1
            snapshot.meta["targets.json"] = MetaFile(targets.version)
        snapshot.version += 1
        timestamp.version += 1
        timestamp.snapshot_meta = MetaFile(snapshot.version)
        changed = [signed for signed in (root, targets, snapshot, timestamp) if signed is not None]
        self._sign_and_write(changed, old_root, keys, now)

    def publish(
        self, targets: Targets, path: str, content: bytes, custom: Mapping[str, Any], *, keys: Keys, now: datetime
    ) -> None:
        """Add a target to `targets`, with what it says of itself, and commit them.

        The content is stored first, where readers look for it; nothing points at it until the commit.
        """
        target = TargetFile.from_data(path, content, ["sha256"])
        target.unrecognized_fields["custom"] = dict(custom)
        self.write(self.target_path(target), content)
        targets.targets[path] = target
        self.commit(keys, now=now, targets=targets)

    def target_path(self, target: TargetFile) -> Path:
        """Where the content of a target lies: its hash is part of the name, so that old and new never mix."""
        return self.directory / "targets" / target.get_prefixed_paths()[0]

    def _sign_and_write(self, changed: Sequence[_Signed], old_root: Root, keys: Keys, now: datetime) -> None:
        """Sign all of `changed`, then write it in its order: a key that is missing leaves everything as it was."""
        new_root = next((signed for signed in changed if isinstance(signed, Root)), old_root)
        files = []
        for signed in changed:
            role = signed.type
            signed.expires = now + LIFETIMES[role]
            if isinstance(signed, Timestamp):
                signed.unrecognized_fields[SIGNED_AT] = now.isoformat(timespec="seconds")
            metadata: Metadata[Any] = Metadata(signed)
            # A new root has to convince those who trust the old keys and those who trust the new ones.
            for root in (old_root, new_root) if isinstance(signed, Root) else (new_root,):
                rule = root.roles[role]
                for signer in keys.signers(role, rule.keyids, rule.threshold):
                    metadata.sign(signer, append=True)
            name = "timestamp.json" if isinstance(signed, Timestamp) else f"{signed.version}.{role}.json"
            files.append((self.metadata / name, metadata.to_bytes(JSONSerializer(compact=False))))
        for path, content in files:
            self.write(path, content)

    def write(self, path: Path, content: bytes) -> None:
        """Put a file in its place, at once and durably; within `changing` alone."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, content)
        except OSError as error:
            raise self._unwritable(path, error) from error

    def _unwritable(self, path: Path, error: OSError) -> ConfigurationError:
        return ConfigurationError(
            f"{path}: can't be written: {error.strerror}",
            hint=f"Is {self.directory} the model repository? Check its owner and the disk's room.",
        )

    def _read(self, role: type[_Role], path: Path) -> _Role:
        try:
            signed = Metadata[_Role].from_bytes(path.read_bytes()).signed
        except OSError as error:
            raise ConfigurationError(f"{path}: can't be read: {error.strerror}", hint=_HINT) from error
        except RepositoryError as error:
            raise ConfigurationError(f"{path}: not TUF metadata: {error}", hint=_HINT) from error
        if not isinstance(signed, role):
            raise ConfigurationError(f"{path}: holds {signed.type} metadata, not {role.type}", hint=_HINT)
        return signed
