"""A fit shared out among processes is the fit of one process."""

from pathlib import Path

import pytest
import torch

from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording
from gnn.model import ModelConfig
from training.checkpoint import FINISHED, load_checkpoint
from training.config import FitSettings
from training.dataset import build_examples, labelled_windows, level_counts
from training.fitting import Device, FittedNetwork, fit_network

CONFIGS = Path(__file__).parents[3] / "configs"
CONFIG = ModelConfig(width=8, heads=2, encoder_layers=1, edge_layers=1, discriminant=False, dropout=0.0)


def test_two_processes_give_the_network_of_one_with_batches_twice_as_large(tmp_path: Path):
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    windows = labelled_windows(machine, read_recording(CONFIGS / "recordings" / "zema-sample"))
    examples = build_examples(windows, sensor_drop=0.2, seed=0)

    def fit(batch_size: int, devices: int) -> FittedNetwork:
        settings = FitSettings(epochs=3, batch_size=batch_size)
        device = Device(devices=devices)
        training, validation = examples[:24], examples[24:36]
        keep = tmp_path / str(devices)
        return fit_network(
            CONFIG, settings, training, validation, level_counts(machine), seed=1, device=device, keep=keep
        )

    one, two = fit(batch_size=8, devices=1), fit(batch_size=4, devices=2)

    assert one.epochs == two.epochs
    weights = two.model.state_dict()
    for name, value in one.model.state_dict().items():
        assert weights[name].numpy() == pytest.approx(value.numpy(), abs=1e-5), name
    kept = load_checkpoint(tmp_path / "2" / FINISHED)["state_dict"]
    assert all(torch.equal(value, kept[name]) for name, value in weights.items())
