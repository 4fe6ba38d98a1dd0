from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_runtime.errors import TrainingError
from gnn.model import ModelConfig, UniversalTemporalGNN
from training.checkpoint import (
    DurableCheckpoints,
    checkpoint_of,
    fit_key,
    forget_checkpoints,
    load_checkpoint,
    save_network,
)
from training.config import FitSettings
from training.cross_fit import TrainingWindows


def test_a_network_is_read_as_data_and_comes_back_as_it_was(tmp_path: Path):
    model = UniversalTemporalGNN(ModelConfig(width=8))
    save_network(model, 7, tmp_path / "network.ckpt")

    content = load_checkpoint(tmp_path / "network.ckpt")

    assert content["epoch"] == 7
    assert ModelConfig(**content["config"]) == model.config
    assert all(torch.equal(value, content["state_dict"][name]) for name, value in model.state_dict().items())


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path: Path):
    torch.save({"state_dict": {}, "surprise": FitSettings()}, tmp_path / "model.ckpt")
    with pytest.raises(TrainingError, match="Weights only load failed"):
        load_checkpoint(tmp_path / "model.ckpt")


@pytest.mark.parametrize("damage", [lambda content: content[:500], lambda content: b"", lambda content: b"x" * 900])
def test_a_damaged_checkpoint_is_refused_with_what_to_do(tmp_path: Path, damage):
    path = tmp_path / "latest.ckpt"
    DurableCheckpoints().save_checkpoint({"weights": torch.ones(300)}, path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TrainingError, match=r"latest\.ckpt: is not a checkpoint that can be read") as caught:
        load_checkpoint(path)
    assert "--resume" in caught.value.hint


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "latest.ckpt"
    DurableCheckpoints().save_checkpoint({"epoch": 1}, path)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        DurableCheckpoints().save_checkpoint({"epoch": 2}, path)
    assert load_checkpoint(path) == {"epoch": 1}


def test_only_the_fit_that_left_a_checkpoint_gets_it(tmp_path: Path):
    save_network(UniversalTemporalGNN(ModelConfig(width=8)), 1, tmp_path / "network.ckpt", key="this fit")
    assert checkpoint_of(tmp_path / "network.ckpt", "this fit") is not None
    assert checkpoint_of(tmp_path / "network.ckpt", "another") is None
    assert checkpoint_of(tmp_path / "none.ckpt", "this fit") is None


def test_a_fit_whose_network_nobody_needs_keeps_its_log(tmp_path: Path):
    for name in ("latest.ckpt", "network.ckpt", "events.out.tfevents.1"):
        (tmp_path / name).write_bytes(b"x")
    forget_checkpoints(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["events.out.tfevents.1"]


def test_the_key_changes_with_everything_that_a_fit_depends_on(data: TrainingWindows, monkeypatch: pytest.MonkeyPatch):
    config, settings, levels = ModelConfig(width=8), FitSettings(), np.zeros(3, np.int64)
    training, validation = data.examples[:3], data.examples[3:5]
    key = fit_key(config, settings, training, validation, levels, 0)

    touched = replace(training[0], sample=replace(training[0].sample, sequence=training[0].sample.sequence + 1))
    relabelled = replace(training[0], targets=data.examples[-1].targets)
    others = [
        fit_key(ModelConfig(width=16), settings, training, validation, levels, 0),
        fit_key(config, FitSettings(epochs=3), training, validation, levels, 0),
        fit_key(config, settings, data.examples[:4], data.examples[4:5], levels, 0),
        fit_key(config, settings, (touched, *training[1:]), validation, levels, 0),
        fit_key(config, settings, (relabelled, *training[1:]), validation, levels, 0),
        fit_key(config, settings, training, validation, levels + 1, 0),
        fit_key(config, settings, training, validation, levels, 1),
    ]
    assert key == fit_key(config, settings, training, validation, levels, 0)
    monkeypatch.setattr("training.checkpoint.code_key", lambda: "of another release")
    others.append(fit_key(config, settings, training, validation, levels, 0))
    assert len({key, *others}) == len(others) + 1
