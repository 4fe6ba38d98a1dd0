import gc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_sync.cloud.inference import model_shelf
from cloud_sync.cloud.inference.model_shelf import ModelShelf
from cloud_sync.cloud.inference.open_model import OpenModel
from cloud_sync.cloud.registry.keys import Keys, create_keys
from cloud_sync.cloud.registry.models import Registry
from cloud_sync.cloud.settings import CloudSettings
from tests.models.tiny_bundle import build_tiny_bundle

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two releases of a model."""
    create_keys(tmp_path / "keys")
    keys = Keys(tmp_path / "keys")
    registry = Registry.create(tmp_path / "repository", keys, now=NOW)
    for release in (1, 2):
        bundle = build_tiny_bundle(tmp_path / f"bundle-{release}", version=f"{release}.0.0", release=release)
        registry.publish(bundle, keys, now=NOW)
    return tmp_path / "repository"


async def test_a_model_that_made_way_can_be_opened_while_a_window_waits_for_it_and_is_deleted_then(
    repository: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(model_shelf, "BUNDLES_KEPT", 1)
    shelf = ModelShelf(CloudSettings(database_url="postgresql://nobody@127.0.0.1/none", tuf_repository=repository))
    assert shelf._published is not None
    targets = shelf._published.models()
    try:
        waited_for, *_ = [await shelf._opened(target.manifest_sha256, target) for target in targets]
        assert OpenModel(waited_for)
        again = await shelf._opened(targets[0].manifest_sha256, targets[0])
        assert (again.sha256, again.folder == waited_for.folder) == (waited_for.sha256, False)
        folder = waited_for.folder
        del waited_for
        gc.collect()
        assert not folder.exists()
        assert OpenModel(again)
    finally:
        shelf.close()
    assert not again.folder.exists()
