import pytest
import torch
from torch import nn

from edge_runtime.errors import ConfigurationError
from gnn.model import ModelConfig, UniversalTemporalGNN
from training import float8
from training.config import TrainingConfig
from training.cross_fit import TrainingWindows
from training.fitting import fit_network
from training.float8 import check_float8, fits_float8


def pretend_gpu(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Example 4000")


def test_a_fit_on_the_cpu_cannot_be_in_float8(data: TrainingWindows, tiny_config: TrainingConfig):
    settings = tiny_config.fit.model_copy(update={"precision": "float8"})
    with pytest.raises(ConfigurationError, match="needs an NVIDIA GPU, and this fit runs on the CPU") as caught:
        fit_network(tiny_config.model, settings, data.examples[:4], (), data.level[0], seed=0)
    assert "--accelerator cuda" in caught.value.hint


def test_without_a_gpu_there_is_no_float8(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="torch finds no CUDA device here") as caught:
        check_float8("cuda")
    assert "--precision bf16-mixed" in caught.value.hint


def test_an_older_gpu_is_refused_with_what_it_is_and_what_it_takes(monkeypatch: pytest.MonkeyPatch):
    pretend_gpu(monkeypatch, (8, 6))
    with pytest.raises(ConfigurationError, match=r"capability 8\.9 or more, and Example 4000 has 8\.6"):
        check_float8("auto")


def test_without_torchao_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    pretend_gpu(monkeypatch, (9, 0))
    monkeypatch.setattr(float8, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="needs torchao") as caught:
        check_float8("cuda")
    assert "pip install 'hydrosight[float8]'" in caught.value.hint


def test_where_everything_is_there_nothing_is_refused(monkeypatch: pytest.MonkeyPatch):
    pretend_gpu(monkeypatch, (8, 9))
    monkeypatch.setattr(float8, "find_spec", lambda name: object())
    check_float8("cuda")


def test_maps_to_a_few_outputs_and_from_odd_inputs_stay_as_they_are():
    found = {name for name, module in UniversalTemporalGNN(ModelConfig()).named_modules() if fits_float8(module)}
    assert {"layers.0.source", "readout.mix", "task_heads.tasks"} <= found
    assert not {"feature_map", "task_heads.level", "task_heads.fault", "layers.0.score"} & found
    assert not fits_float8(nn.LayerNorm(16))
