"""Signing and writing of the repository: nothing half done, whatever is missing."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud_sync.cloud.registry.keys import Keys, create_keys
from cloud_sync.cloud.registry.signed_repository import LIFETIMES, SignedRepository
from cloud_sync.model_target import SIGNED_AT
from edge_runtime.errors import ConfigurationError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    create_keys(tmp_path / "keys")
    return Keys(tmp_path / "keys")


@pytest.fixture
def repository(tmp_path: Path, keys: Keys) -> SignedRepository:
    repository = SignedRepository(tmp_path / "repository")
    repository.create(keys, now=NOW, thresholds={})
    return repository


def content(repository: SignedRepository) -> dict[str, bytes]:
    files = (repository.directory / "metadata").iterdir()
    return {file.name: file.read_bytes() for file in files}


def test_each_role_expires_after_its_own_lifetime(repository: SignedRepository) -> None:
    parts = (repository.root(), repository.targets(), repository.snapshot(), repository.timestamp())
    assert {signed.type: signed.expires - NOW for signed in parts} == LIFETIMES


def test_refresh_extends_snapshot_and_timestamp_with_the_online_keys_alone(
    repository: SignedRepository, keys: Keys
) -> None:
    for key in (keys.directory / "offline").iterdir():
        key.unlink()
    later = NOW + timedelta(days=5)

    repository.commit(keys, now=later)

    assert repository.snapshot().expires == later + LIFETIMES["snapshot"]
    assert repository.timestamp().expires == later + LIFETIMES["timestamp"]
    assert repository.timestamp().unrecognized_fields[SIGNED_AT] == later.isoformat()
    assert repository.root().version == 1


def test_a_missing_key_leaves_the_repository_as_it_was(repository: SignedRepository, keys: Keys) -> None:
    before = content(repository)
    next((keys.directory / "online").glob("timestamp-*")).unlink()

    with pytest.raises(ConfigurationError, match="0 keys of role timestamp, 1 must sign") as refusal:
        repository.commit(keys, now=NOW, root=repository.root(), targets=repository.targets())

    assert "--keys" in refusal.value.hint
    assert content(repository) == before


def test_a_crash_before_the_timestamp_leaves_readers_with_the_old_state(
    repository: SignedRepository, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(path: Path, file_content: bytes) -> None:
        if path.name == "timestamp.json":
            raise KeyboardInterrupt
        write(path, file_content)

    write = repository.write
    monkeypatch.setattr(repository, "write", crash)
    with pytest.raises(KeyboardInterrupt):
        repository.commit(keys, now=NOW, targets=repository.targets())
    monkeypatch.undo()
    assert (repository.snapshot().version, repository.targets().version) == (1, 1)

    repository.commit(keys, now=NOW, targets=repository.targets())

    assert (repository.snapshot().version, repository.targets().version) == (2, 2)


def test_a_second_repository_is_not_made_over_the_first(repository: SignedRepository, keys: Keys) -> None:
    with pytest.raises(ConfigurationError, match="holds a model repository already"):
        repository.create(keys, now=NOW, thresholds={})


def test_a_threshold_that_the_keys_cannot_meet_is_refused(tmp_path: Path, keys: Keys) -> None:
    repository = SignedRepository(tmp_path / "other")
    with pytest.raises(ConfigurationError, match="1 keys of role root, of which 2 shall sign"):
        repository.create(keys, now=NOW, thresholds={"root": 2})
    assert not repository.directory.exists()


def test_damaged_metadata_is_named(repository: SignedRepository) -> None:
    (repository.directory / "metadata" / "timestamp.json").write_bytes(b"{")
    with pytest.raises(ConfigurationError, match=r"timestamp\.json: not TUF metadata"):
        repository.targets()


def test_metadata_of_another_role_is_refused(repository: SignedRepository) -> None:
    metadata = repository.directory / "metadata"
    (metadata / "timestamp.json").write_bytes((metadata / "1.snapshot.json").read_bytes())
    with pytest.raises(ConfigurationError, match="holds snapshot metadata, not timestamp"):
        repository.timestamp()


def test_no_repository_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        SignedRepository(tmp_path).targets()
    assert "model init" in refusal.value.hint


def test_only_one_process_changes_the_repository_at_a_time(repository: SignedRepository) -> None:
    try_lock = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    command = [sys.executable, "-c", try_lock, str(repository.directory / ".lock")]
    with repository.changing():
        assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path, keys: Keys) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=os.strerror(20)):
        SignedRepository(tmp_path / "file").create(keys, now=NOW, thresholds={})
