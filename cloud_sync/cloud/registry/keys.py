"""The keys that sign models, as files.

    KEYS/offline/   root-<key id>.pem, targets-<key id>.pem       kept on a medium in a safe; optionally encrypted
    KEYS/online/    snapshot-<key id>.pem, timestamp-<key id>.pem kept at the centre, which signs unattended with them

Each is an Ed25519 private key (PEM, PKCS #8) that only its owner may read. Which of them count is decided by
root.json, so the file of a retired key does no harm.
"""

from collections.abc import Collection
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from edge_runtime.errors import ConfigurationError

OFFLINE_ROLES = ("root", "targets")
ONLINE_ROLES = ("snapshot", "timestamp")
ROLES = (*OFFLINE_ROLES, *ONLINE_ROLES)
_KEY_ID_SHOWN = 16


class Keys:
    """A directory of signing keys. `passphrase` encrypts the offline ones; the online ones are never encrypted."""

    def __init__(self, directory: Path, passphrase: bytes | None = None) -> None:
        self.directory = directory
        self._passphrase = passphrase

    def create(self, role: str) -> CryptoSigner:
        """A new key for `role`, beside those that are there.

        Raises:
            ConfigurationError: the directory can't be written.
        """
        signer = CryptoSigner.generate_ed25519()
        private_key = load_pem_private_key(signer.private_bytes, None)
        encrypt = self._passphrase is not None and role in OFFLINE_ROLES
        pem = private_key.private_bytes(
            Encoding.PEM,
            PrivateFormat.PKCS8,
            BestAvailableEncryption(self._passphrase or b"") if encrypt else NoEncryption(),
        )
        path = self._path(role, signer.public_key.keyid)
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(pem)
        except OSError as error:
            raise ConfigurationError(
                f"{path}: the key can't be written: {error.strerror}", hint="Name a directory that you may write."
            ) from error
        return signer

    def existing(self, role: str) -> list[CryptoSigner]:
        """Every key of `role` that the directory holds, in order of key id.

        Raises:
            ConfigurationError: a key can't be read.
        """
        return [self._load(path) for path in sorted(self._path(role, "").parent.glob(f"{role}-*.pem"))]

    def signers(self, role: str, key_ids: Collection[str], threshold: int) -> list[CryptoSigner]:
        """Those keys of `role` that are among `key_ids`, at least `threshold` of them.

        Raises:
            ConfigurationError: fewer are here, or one can't be read.
        """
        paths = [path for path in (self._path(role, key_id) for key_id in sorted(key_ids)) if path.exists()]
        if len(paths) < threshold:
            place = "offline" if role in OFFLINE_ROLES else "online"
            raise ConfigurationError(
                f"{self.directory}: {len(paths)} keys of role {role}, {threshold} must sign",
                hint=f"Plug in the medium with the {place} keys and name its directory with --keys; "
                f"looked for {', '.join(self._path(role, key_id).name for key_id in sorted(key_ids))}.",
            )
        return [self._load(path) for path in paths]

    def _path(self, role: str, key_id: str) -> Path:
        place = "offline" if role in OFFLINE_ROLES else "online"
        return self.directory / place / f"{role}-{key_id[:_KEY_ID_SHOWN]}.pem"

    def _load(self, path: Path) -> CryptoSigner:
        try:
            pem = path.read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"{path}: the key can't be read: {error.strerror}", hint="Run as the user who owns the key."
            ) from error
        encrypted = b"BEGIN ENCRYPTED PRIVATE KEY" in pem
        if encrypted and self._passphrase is None:
            raise ConfigurationError(
                f"{path}: the key is encrypted",
                hint="Give its passphrase by --passphrase-file or in HYDROSIGHT_KEY_PASSPHRASE.",
            )
        try:
            key = load_pem_private_key(pem, self._passphrase if encrypted else None)
        except ValueError as error:
            raise ConfigurationError(
                f"{path}: the key can't be opened: {error}",
                hint="Check the passphrase, or restore the file from its copy.",
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigurationError(
                f"{path}: not an Ed25519 key", hint="Make keys with `hydrosight-cloud model keys init`."
            )
        return CryptoSigner(key)


def create_keys(
    directory: Path, *, passphrase: bytes | None = None, root_keys: int = 1, targets_keys: int = 1
) -> dict[str, list[str]]:
    """Make the first keys of a repository; returns the key ids by role.

    Raises:
        ConfigurationError: the directory holds keys already or can't be written.
    """
    if any(directory.glob("*line/*.pem")):
        raise ConfigurationError(
            f"{directory}: holds keys already, they are not replaced",
            hint="Name an empty directory, or replace one role's keys with `hydrosight-cloud model rotate`.",
        )
    keys = Keys(directory, passphrase)
    counts = {"root": root_keys, "targets": targets_keys, "snapshot": 1, "timestamp": 1}
    return {role: [keys.create(role).public_key.keyid for _ in range(counts[role])] for role in ROLES}
