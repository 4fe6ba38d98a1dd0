"""What may be published, under which numbers, and what readers find afterwards."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_sync.bundle_archive import unpack_bundle
from cloud_sync.cloud.registry.keys import Keys, create_keys
from cloud_sync.cloud.registry.models import Registry
from cloud_sync.model_target import ModelTarget
from edge_runtime.bundle import open_bundle
from edge_runtime.errors import BundleError, ConfigurationError, UpdateError
from tests.model_bundle import write_bundle

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    create_keys(tmp_path / "keys")
    return Keys(tmp_path / "keys")


@pytest.fixture
def registry(tmp_path: Path, keys: Keys) -> Registry:
    return Registry.create(tmp_path / "repository", keys, now=NOW)


def test_published_model_is_signed_with_what_its_manifest_says(tmp_path: Path, registry: Registry, keys: Keys) -> None:
    bundle = write_bundle(tmp_path / "bundle", name="rig", version="1.2.3", release=7)

    model = registry.publish(bundle, keys, now=NOW)

    assert registry.models() == [model]
    assert model == ModelTarget(
        name="rig",
        version="1.2.3",
        release=7,
        minimum_agent_version="0.1.0",
        manifest_sha256=hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest(),
    )


def test_what_is_served_is_the_bundle_under_the_hash_of_its_archive(
    tmp_path: Path, registry: Registry, keys: Keys
) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    registry.publish(bundle, keys, now=NOW)

    (archive,) = (tmp_path / "repository/targets/models/rig").iterdir()
    assert archive.name == f"{hashlib.sha256(archive.read_bytes()).hexdigest()}.1.0.0.tar"
    (tmp_path / "unpacked").mkdir()
    with archive.open("rb") as file:
        unpack_bundle(file, tmp_path / "unpacked")
    assert {p.name: p.read_bytes() for p in bundle.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "unpacked").iterdir()
    }


@pytest.mark.parametrize("release", [4, 5])
def test_release_has_to_exceed_all_published_for_the_name(
    tmp_path: Path, registry: Registry, keys: Keys, release: int
) -> None:
    registry.publish(write_bundle(tmp_path / "first", version="1.0.0", release=5), keys, now=NOW)
    with pytest.raises(UpdateError, match=f"release {release} of model rig is not above 5") as refusal:
        registry.publish(write_bundle(tmp_path / "second", version="1.1.0", release=release), keys, now=NOW)
    assert "release 6" in refusal.value.hint
    registry.publish(write_bundle(tmp_path / "other", name="press", release=1), keys, now=NOW)


def test_a_version_is_published_once(tmp_path: Path, registry: Registry, keys: Keys) -> None:
    registry.publish(write_bundle(tmp_path / "first", release=1), keys, now=NOW)
    with pytest.raises(UpdateError, match=r"version 1\.0\.0 of model rig is published already"):
        registry.publish(write_bundle(tmp_path / "second", release=2), keys, now=NOW)


def test_a_damaged_bundle_is_not_published(tmp_path: Path, registry: Registry, keys: Keys) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    (bundle / "model.onnx").write_bytes(b"changed")
    with pytest.raises(BundleError):
        registry.publish(bundle, keys, now=NOW)
    assert registry.models() == []


def test_publishing_without_the_targets_key_changes_nothing_that_readers_see(
    tmp_path: Path, registry: Registry, keys: Keys
) -> None:
    timestamp = tmp_path / "repository/metadata/timestamp.json"
    before = timestamp.read_bytes()
    next((keys.directory / "offline").glob("targets-*")).unlink()
    with pytest.raises(ConfigurationError, match="role targets"):
        registry.publish(write_bundle(tmp_path / "bundle"), keys, now=NOW)
    assert timestamp.read_bytes() == before


def test_roll_back_offers_the_old_content_as_the_newest_release(tmp_path: Path, registry: Registry, keys: Keys) -> None:
    old = write_bundle(tmp_path / "old", version="1.0.0", release=1, model=b"good")
    registry.publish(old, keys, now=NOW)
    registry.publish(write_bundle(tmp_path / "new", version="1.1.0", release=2, model=b"bad"), keys, now=NOW)

    model = registry.roll_back("rig", to="1.0.0", version="1.1.1", keys=keys, now=NOW)

    assert (model.version, model.release) == ("1.1.1", 3)
    archive = next((tmp_path / "repository/targets/models/rig").glob("*.1.1.1.tar"))
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with archive.open("rb") as file:
        unpack_bundle(file, folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest == json.loads((old / "manifest.json").read_bytes()) | {"version": "1.1.1", "release": 3}
    assert open_bundle(folder).model_path.read_bytes() == b"good"


def test_a_withdrawn_model_is_offered_no_more_and_its_release_not_given_out_again(
    tmp_path: Path, registry: Registry, keys: Keys
) -> None:
    for release in (1, 2):
        bundle = write_bundle(tmp_path / str(release), version=f"1.{release}.0", release=release)
        registry.publish(bundle, keys, now=NOW)

    with pytest.raises(UpdateError, match="has the highest release, 2") as refusal:
        registry.withdraw("rig", "1.2.0", keys, now=NOW)
    assert "model roll-back rig" in refusal.value.hint
    with pytest.raises(UpdateError, match=r"1\.9\.0 is not published"):
        registry.withdraw("rig", "1.9.0", keys, now=NOW)

    registry.roll_back("rig", to="1.1.0", version="1.2.1", keys=keys, now=NOW)
    assert registry.withdraw("rig", "1.2.0", keys, now=NOW).release == 2
    assert [model.version for model in registry.models()] == ["1.1.0", "1.2.1"]


@pytest.mark.parametrize(
    ("to", "version", "message"),
    [
        ("9.9.9", "1.1.1", r"model rig 9\.9\.9 is not published"),
        ("1.0.0", "1.0.0", "is published already"),
        ("1.0.0", "1.1", "'1.1' is not a version"),
    ],
)
def test_roll_back_to_nowhere_is_refused(
    tmp_path: Path, registry: Registry, keys: Keys, to: str, version: str, message: str
) -> None:
    registry.publish(write_bundle(tmp_path / "bundle"), keys, now=NOW)
    with pytest.raises(UpdateError, match=message):
        registry.roll_back("rig", to=to, version=version, keys=keys, now=NOW)


def test_rotation_keeps_the_number_of_keys_and_the_threshold(tmp_path: Path) -> None:
    create_keys(tmp_path / "keys", root_keys=3)
    keys = Keys(tmp_path / "keys")
    registry = Registry.create(tmp_path / "repository", keys, now=NOW, thresholds={"root": 2})
    old = key_ids(registry)

    new = registry.rotate("root", keys, now=NOW)

    assert key_ids(registry) == new
    assert len(new) == 3
    assert not set(new) & set(old)


def test_an_unknown_role_is_refused(registry: Registry, keys: Keys) -> None:
    with pytest.raises(ConfigurationError, match="no role 'mirrors'") as refusal:
        registry.rotate("mirrors", keys, now=NOW)
    assert "timestamp" in refusal.value.hint


def key_ids(registry: Registry) -> list[str]:
    return json.loads(registry.root_path.read_bytes())["signed"]["roles"]["root"]["keyids"]
