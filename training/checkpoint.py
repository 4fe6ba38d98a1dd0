"""What a fit leaves on the disk: whole files or none, read as data alone, reused by the same fit only.

`latest.ckpt` is Lightning's checkpoint of the last epoch that was finished, `network.ckpt` the finished network. Both
carry the key of their fit: everything that decides what comes out of it.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins import CheckpointIO

from edge_runtime.durable import replace_file
from edge_runtime.errors import TrainingError
from edge_runtime.graph import Int64Array
from gnn.model import ModelConfig, UniversalTemporalGNN
from training.code_key import code_key
from training.config import FitSettings
from training.dataset import Example

LATEST = "latest"
FINISHED = "network.ckpt"
KEY = "fit_key"


class DurableCheckpoints(CheckpointIO):
    """Lightning's checkpoints, written so that a kill or a power cut leaves the old one or the new one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:  # noqa: ARG002
        """Write it in one step."""
        _write(checkpoint, Path(path))

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: object = None,  # noqa: ARG002
        weights_only: bool | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Read it as data, on the CPU; Lightning moves it where it belongs."""
        return load_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete it."""
        Path(path).unlink(missing_ok=True)


def save_network(model: UniversalTemporalGNN, epochs: int, path: Path, key: str = "") -> None:
    """Write weights, input statistics and configuration, to go on from; the bundle is what a box gets."""
    content = {"state_dict": model.state_dict(), "config": model.config.model_dump(), "epoch": epochs, KEY: key}
    _write(content, path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint as data alone: `weights_only` refuses pickled code.

    Raises:
        TrainingError: it can't be read, or holds more than data.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        raise TrainingError(
            f"{path}: is not a checkpoint that can be read: {(str(error) or 'it is empty').splitlines()[0]}",
            hint="Delete the file; `hydrosight-train fit --resume` then repeats that fit alone.",
        ) from error
    return content


def checkpoint_of(path: Path, key: str) -> Mapping[str, Any] | None:
    """The checkpoint at `path` if there is one and the fit with this key left it.

    Raises:
        TrainingError: it can't be read.
    """
    if not path.exists():
        return None
    content = load_checkpoint(path)
    return content if content.get(KEY) == key else None


def forget_checkpoints(folder: Path) -> None:
    """Delete a fit's checkpoints once nobody needs its network; its log stays."""
    for path in folder.glob("*.ckpt"):
        path.unlink()


def fit_key(
    config: ModelConfig,
    settings: FitSettings,
    training: Sequence[Example],
    validation: Sequence[Example],
    levels: Int64Array,
    *about: object,
) -> str:
    """SHA-256 over everything that decides which network a fit gives: shape, settings, windows, code, `about`."""
    digest = hashlib.sha256()
    for part in (config.model_dump_json(), settings.model_dump_json(), torch.__version__, code_key(), *about):
        digest.update(f"{part}\0".encode())
    digest.update(levels.tobytes())
    for examples in (training, validation):
        digest.update(f"{len(examples)} windows".encode())
        for example in examples:
            for array in example.arrays():
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _write(content: Mapping[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save(content, buffer)
    replace_file(path, buffer.getvalue())
