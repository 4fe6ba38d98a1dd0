"""A new release of a model bundle, for the demo to send over the air."""

import shutil
from pathlib import Path

from edge_runtime.errors import DemoError
from edge_runtime.manifest import Manifest


def release_again(bundle: Path, target: Path) -> Manifest:
    """Copy a bundle into `target` as the next release with the next version; returns its manifest.

    Raises:
        DemoError: there is no bundle.
    """
    manifest_file = bundle / "manifest.json"
    if not manifest_file.exists():
        raise DemoError(f"{bundle} holds no model bundle", hint="The shipped one is configs/models/zema-rig.")
    former = Manifest.model_validate_json(manifest_file.read_bytes())
    major, minor, patch = map(int, former.version.split("."))
    manifest = former.model_copy(update={"version": f"{major}.{minor}.{patch + 1}", "release": former.release + 1})
    shutil.copytree(bundle, target)
    (target / manifest_file.name).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
    return manifest
