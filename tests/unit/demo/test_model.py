"""The bundle that the demo sends over the air."""

from pathlib import Path

import pytest

from demo.model import release_again
from edge_runtime.bundle import open_bundle
from edge_runtime.errors import DemoError
from tests.models.tiny_bundle import build_tiny_bundle


def test_the_next_release_is_a_whole_bundle_with_the_same_files(tmp_path: Path):
    bundle = build_tiny_bundle(tmp_path / "shipped", version="1.4.9", release=7)
    manifest = release_again(bundle, tmp_path / "new")
    assert (manifest.version, manifest.release) == ("1.4.10", 8)
    opened = open_bundle(tmp_path / "new")
    assert opened.manifest == manifest
    assert opened.manifest.files == open_bundle(bundle).manifest.files


def test_no_bundle_is_named(tmp_path: Path):
    with pytest.raises(DemoError, match="holds no model bundle"):
        release_again(tmp_path, tmp_path / "new")
