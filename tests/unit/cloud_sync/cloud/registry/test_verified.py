import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_sync.cloud.registry.keys import Keys, create_keys
from cloud_sync.cloud.registry.models import Registry
from cloud_sync.cloud.registry.verified import VerifiedModels
from edge_runtime.errors import UpdateError
from tests.model_bundle import write_bundle

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    create_keys(tmp_path / "keys")
    return Keys(tmp_path / "keys")


@pytest.fixture
def registry(tmp_path: Path, keys: Keys) -> Registry:
    return Registry.create(tmp_path / "repository", keys, now=NOW)


@pytest.fixture
def verified(tmp_path: Path, registry: Registry) -> VerifiedModels:
    return VerifiedModels(tmp_path / "repository")


def publish(registry: Registry, keys: Keys, folder: Path, release: int) -> None:
    bundle = write_bundle(folder / f"bundle-{release}", version=f"{release}.0.0", release=release)
    registry.publish(bundle, keys, now=NOW, agent_version="99.0.0")


def edit(path: Path, change: str, into: str) -> None:
    text = path.read_text()
    assert change in text
    path.write_text(text.replace(change, into))


def test_what_is_published_is_seen_without_a_restart(verified, registry, keys, tmp_path):
    assert verified.models() == ()
    for release in (1, 2):
        publish(registry, keys, tmp_path, release)
        assert sorted(model.release for model in verified.models()) == list(range(1, release + 1))


def test_an_archive_is_there_as_it_was_signed(verified, registry, keys, tmp_path):
    publish(registry, keys, tmp_path, 1)
    (model,) = verified.models()
    assert b"# For tests" in verified.archive(model).read_bytes()


def test_a_changed_archive_is_refused(verified, registry, keys, tmp_path):
    publish(registry, keys, tmp_path, 1)
    (model,) = verified.models()
    path = verified.archive(model)
    path.write_bytes(path.read_bytes().replace(b"weights 1", b"weights 2"))
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(UpdateError, match="isn't what was signed"):
        verified.archive(model)


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp", "root"])
def test_metadata_that_was_changed_without_a_key_is_refused(role, verified, registry, keys, tmp_path):
    publish(registry, keys, tmp_path, 1)
    folder = tmp_path / "repository" / "metadata"
    path = folder / "timestamp.json" if role == "timestamp" else max(folder.glob(f"*.{role}.json"))
    edit(path, '"expires": "20', '"expires": "21')
    with pytest.raises(UpdateError, match="can't be trusted"):
        verified.models()


def test_signatures_of_strangers_are_refused(verified, registry, keys, tmp_path):
    publish(registry, keys, tmp_path, 1)
    (tmp_path / "other").mkdir()
    create_keys(tmp_path / "other" / "keys")
    strangers = Keys(tmp_path / "other" / "keys")
    Registry.create(tmp_path / "other" / "repository", strangers, now=NOW)
    os.replace(  # noqa: PTH105 - a new inode, as an editor leaves it
        tmp_path / "other" / "repository" / "metadata" / "timestamp.json",
        tmp_path / "repository" / "metadata" / "timestamp.json",
    )
    with pytest.raises(UpdateError, match="can't be trusted"):
        verified.models()


def test_nothing_is_published_before_the_first_repository_comes(keys, tmp_path):
    verified = VerifiedModels(tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    assert verified.models() == ()

    registry = Registry.create(tmp_path / "empty", keys, now=NOW)
    publish(registry, keys, tmp_path, 1)
    assert len(verified.models()) == 1


def test_a_damaged_repository_is_said_to_be_one(verified, registry, tmp_path):
    (tmp_path / "repository" / "metadata" / "timestamp.json").write_text(json.dumps({"signed": {}}))
    with pytest.raises(UpdateError, match="can't be trusted"):
        verified.models()
