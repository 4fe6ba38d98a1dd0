"""The registry of models: what has been published, and every change to it as one signed step."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tuf.api.metadata import Targets

from cloud_sync.bundle_archive import pack_bundle, unpack_bundle
from cloud_sync.cloud.registry.keys import OFFLINE_ROLES, ROLES, Keys
from cloud_sync.cloud.registry.signed_repository import SignedRepository
from cloud_sync.model_target import MODELS_FOLDER, ModelTarget
from edge_runtime.bundle import MANIFEST_FILE, Bundle, open_bundle
from edge_runtime.errors import ConfigurationError, UpdateError


class Registry:
    """The models published in the TUF repository `directory`. Each change takes the keys that have to sign it.

    Raises, throughout:
        ConfigurationError: there is no repository, it is damaged, it can't be written, or a key is missing.
    """

    def __init__(self, directory: Path) -> None:
        self._repository = SignedRepository(directory)

    @classmethod
    def create(
        cls, directory: Path, keys: Keys, *, now: datetime, thresholds: Mapping[str, int] | None = None
    ) -> "Registry":
        """An empty registry. `thresholds`: by role, how many of its keys must sign; 1 where it isn't named."""
        registry = cls(directory)
        with registry._repository.changing(create=True):
            registry._repository.create(keys, now=now, thresholds=thresholds or {})
        return registry

    @property
    def exists(self) -> bool:
        """Whether there is a repository; a folder may be empty until the first one comes."""
        return self._repository.exists

    @property
    def root_path(self) -> Path:
        """The root metadata that a box has to be given once."""
        return self._repository.root_path

    def models(self) -> list[ModelTarget]:
        """Every published model, by name and release."""
        return sorted(_models(self._repository.targets()), key=lambda model: (model.name, model.release))

    def expiries(self) -> dict[str, datetime]:
        """Until when the newest signatures of each role count."""
        parts = (self._repository.root(), self._repository.targets(), self._repository.snapshot())
        return {signed.type: signed.expires for signed in (*parts, self._repository.timestamp())}

    def publish(self, bundle_path: Path, keys: Keys, *, now: datetime, agent_version: str | None = None) -> ModelTarget:
        """Sign a bundle and offer it to every box whose model has its name.

        `agent_version` is held against the bundle's minimum; the installed version by default.

        Raises:
            BundleError: the bundle is damaged.
            UpdateError: its release doesn't exceed those published for its name, or its version is taken.
        """
        bundle = open_bundle(bundle_path, agent_version=agent_version)
        with self._repository.changing():
            return self._offer(bundle, keys, now)

    def roll_back(
        self, name: str, *, to: str, version: str, keys: Keys, now: datetime, agent_version: str | None = None
    ) -> ModelTarget:
        """Offer the model `name` of version `to` again, as `version` and with a release above all others.

        Boxes never go to a lower release, so an older model travels as a newer release of the same content.

        Raises:
            UpdateError: no such model is published, or `version` isn't a version or is taken.
        """
        if not re.fullmatch(r"\d+\.\d+\.\d+", version):
            raise UpdateError(f"{version!r} is not a version", hint="Three numbers, such as 1.4.0.")
        with self._repository.changing():
            targets = self._repository.targets()
            old = targets.targets.get(f"{MODELS_FOLDER}{name}/{to}.tar")
            if old is None:
                raise UpdateError(
                    f"model {name} {to} is not published", hint="See `hydrosight-cloud model list` for what is."
                )
            release = _highest_release(targets, name) + 1
            with TemporaryDirectory(prefix="hydrosight-roll-back-") as directory:
                folder = Path(directory)
                with self._repository.target_path(old).open("rb") as archive:
                    unpack_bundle(archive, folder)
                manifest = json.loads((folder / MANIFEST_FILE).read_bytes())
                manifest |= {"version": version, "release": release}
                (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
                return self._offer(open_bundle(folder, agent_version=agent_version), keys, now)

    def withdraw(self, name: str, version: str, keys: Keys, *, now: datetime) -> ModelTarget:
        """Offer a model no more: from then on nobody can bring it to a box, not even who holds the centre.

        Boxes that run it go on. One with the highest release of its name stays: the next one has to be above it.

        Raises:
            UpdateError: no such model is published, or it has the highest release of its name.
        """
        with self._repository.changing():
            targets = self._repository.targets()
            target = targets.targets.pop(f"{MODELS_FOLDER}{name}/{version}.tar", None)
            if target is None:
                raise UpdateError(
                    f"model {name} {version} is not published", hint="See `hydrosight-cloud model list` for what is."
                )
            model = ModelTarget.model_validate(target.custom)
            if model.release > _highest_release(targets, name):
                raise UpdateError(
                    f"model {name} {version} has the highest release, {model.release}; without it the number would be "
                    "given out again",
                    hint=f"First publish what follows it: hydrosight-cloud model roll-back {name} --to OLD --as NEW",
                )
            self._repository.commit(keys, now=now, targets=targets)
            return model

    def refresh(self, keys: Keys, *, now: datetime) -> None:
        """Sign snapshot and timestamp anew, before they expire. Needs the online keys alone."""
        with self._repository.changing():
            self._repository.commit(keys, now=now)

    def renew(self, keys: Keys, *, now: datetime) -> None:
        """Sign root and targets anew too, before they expire. Needs every key."""
        with self._repository.changing():
            self._repository.commit(keys, now=now, root=self._repository.root(), targets=self._repository.targets())

    def rotate(self, role: str, keys: Keys, *, now: datetime) -> list[str]:
        """Replace every key of `role` by as many new ones; returns their ids.

        Needs the root keys, and the old ones of `role` only if it is root. Boxes drop what a stolen key has signed.
        """
        if role not in ROLES:
            raise ConfigurationError(f"no role {role!r}", hint=f"The roles are {', '.join(ROLES)}.")
        with self._repository.changing():
            root = self._repository.root()
            for key_id in list(root.roles[role].keyids):
                root.revoke_key(key_id, role)
                root.add_key(keys.create(role).public_key, role)
            self._repository.commit(
                keys, now=now, root=root, targets=self._repository.targets() if role in OFFLINE_ROLES else None
            )
            return list(root.roles[role].keyids)

    def _offer(self, bundle: Bundle, keys: Keys, now: datetime) -> ModelTarget:
        targets = self._repository.targets()
        model = ModelTarget.of(bundle.manifest, bundle.sha256)
        highest = _highest_release(targets, model.name)
        if model.release <= highest:
            raise UpdateError(
                f"{bundle.path}: release {model.release} of model {model.name} is not above {highest}, "
                "the highest that is published",
                hint=f"Build the bundle with release {highest + 1} or higher: boxes never go to a lower one.",
            )
        if model.path in targets.targets:
            raise UpdateError(
                f"{bundle.path}: version {model.version} of model {model.name} is published already",
                hint="Give the bundle a version of its own.",
            )
        archive = pack_bundle(bundle.path, [MANIFEST_FILE, *bundle.manifest.files])
        self._repository.publish(targets, model.path, archive, model.model_dump(), keys=keys, now=now)
        return model


def _models(targets: Targets) -> list[ModelTarget]:
    return [
        ModelTarget.model_validate(target.custom)
        for path, target in targets.targets.items()
        if path.startswith(MODELS_FOLDER)
    ]


def _highest_release(targets: Targets, name: str) -> int:
    return max((model.release for model in _models(targets) if model.name == name), default=0)
