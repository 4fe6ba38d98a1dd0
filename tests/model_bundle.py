"""Small model bundles that pass `open_bundle`: every file is there and hashed, the model itself is a few bytes."""

import hashlib
import json
from pathlib import Path

from edge_runtime.bundle import REQUIRED_FILES
from edge_runtime.features.classic import CLASSIC
from edge_runtime.features.sequence import SEQUENCE

_MACHINE = Path(__file__).parent.parent / "configs" / "machines" / "zema.yaml"


def write_bundle(
    folder: Path,
    *,
    name: str = "rig",
    version: str = "1.0.0",
    release: int = 1,
    minimum_agent_version: str = "0.1.0",
    model: bytes = b"weights",
) -> Path:
    """A bundle in `folder`, which is made."""
    folder.mkdir(parents=True)
    contents = dict.fromkeys(REQUIRED_FILES, b"golden") | {
        "model.onnx": model,
        "machine.yaml": _MACHINE.read_bytes(),
        "MODEL_CARD.md": b"# For tests\n",
    }
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    manifest = {
        "name": name,
        "version": version,
        "release": release,
        "created": "2026-01-01T00:00:00Z",
        "minimum_agent_version": minimum_agent_version,
        "features": CLASSIC.id,
        "sequence": SEQUENCE.id,
        "window_s": 60.0,
        "conditions": {},
        "baseline": {},
        "training": {"recording": "none", "sha256": "0" * 64, "windows": 0, "seed": 0},
        "files": {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
