"""Signing keys as files: who may read them, and what is said when one can't be used."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cloud_sync.cloud.registry.keys import ROLES, Keys, create_keys
from edge_runtime.errors import ConfigurationError


def test_keys_lie_offline_and_online_readable_by_their_owner_alone(tmp_path: Path) -> None:
    created = create_keys(tmp_path / "keys", root_keys=3, targets_keys=2)

    files = sorted(path.relative_to(tmp_path / "keys") for path in (tmp_path / "keys").rglob("*.pem"))
    assert [str(file).rpartition("-")[0] for file in files] == [
        *["offline/root"] * 3,
        *["offline/targets"] * 2,
        "online/snapshot",
        "online/timestamp",
    ]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").rglob("*.pem")} == {0o600}
    assert (tmp_path / "keys" / "offline").stat().st_mode & 0o777 == 0o700
    assert {role: len(ids) for role, ids in created.items()} == {"root": 3, "targets": 2, "snapshot": 1, "timestamp": 1}


@pytest.mark.parametrize("role", ROLES)
def test_a_stored_key_signs_as_the_one_created(tmp_path: Path, role: str) -> None:
    keys = Keys(tmp_path, b"passphrase")
    created = keys.create(role)
    (loaded,) = keys.signers(role, [created.public_key.keyid], 1)
    loaded.public_key.verify_signature(created.sign(b"payload"), b"payload")
    assert loaded.sign(b"payload").signature == created.sign(b"payload").signature


def test_keys_that_are_there_are_never_replaced(tmp_path: Path) -> None:
    create_keys(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.pem")}
    with pytest.raises(ConfigurationError, match="holds keys already"):
        create_keys(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.pem")} == before


def test_passphrase_encrypts_the_offline_keys_only(tmp_path: Path) -> None:
    create_keys(tmp_path, passphrase=b"passphrase")
    encrypted = {path.parent.name: b"ENCRYPTED" in path.read_bytes() for path in tmp_path.rglob("*.pem")}
    assert encrypted == {"offline": True, "online": False}


@pytest.mark.parametrize(("given", "message"), [(None, "is encrypted"), (b"wrong", "can't be opened")])
def test_encrypted_key_without_its_passphrase_is_refused(tmp_path: Path, given: bytes | None, message: str) -> None:
    create_keys(tmp_path, passphrase=b"passphrase")
    with pytest.raises(ConfigurationError, match=message) as refusal:
        Keys(tmp_path, given).existing("root")
    assert "passphrase" in refusal.value.hint


def test_too_few_keys_names_the_files_that_were_looked_for(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    here, elsewhere = keys.create("root").public_key.keyid, "f" * 64
    with pytest.raises(ConfigurationError, match="1 keys of role root, 2 must sign") as refusal:
        keys.signers("root", [here, elsewhere], 2)
    assert "root-ffffffffffffffff.pem" in refusal.value.hint


def test_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    pem = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "online").mkdir()
    (tmp_path / "online" / "timestamp-0.pem").write_bytes(pem)
    with pytest.raises(ConfigurationError, match="not an Ed25519 key"):
        Keys(tmp_path).existing("timestamp")
