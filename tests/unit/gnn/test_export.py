from pathlib import Path

import onnx
import pytest
import torch

from edge_runtime.errors import TrainingError
from gnn.export import PARITY_TOLERANCE, check_parity, export_onnx, parity
from gnn.model import ModelConfig, UniversalTemporalGNN
from tests.models.graphs import random_graph

SIZES = [(2, 2), (13, 18), (40, 7), (5, 0), (1, 0), (1, 1)]


@pytest.fixture(scope="module", params=["default", "all options", "lstm"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    torch.manual_seed(0)
    config = {
        "default": ModelConfig(width=8),
        "all options": ModelConfig(
            width=8, arma=True, cross_task=True, residuals=True, conditioning=True, sensor_head=True
        ),
        "lstm": ModelConfig(width=8, encoder="lstm", edge_in_message=False, signed_sum=False),
    }[request.param]
    model = UniversalTemporalGNN(config)
    samples = [random_graph(6, 8, seed=seed) for seed in range(3)]
    model.fit_normalisation(samples)
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export_onnx(model, samples[0], path)
    return model, path


@pytest.mark.parametrize(("nodes", "edges"), SIZES)
def test_onnx_says_the_same_as_torch_for_any_number_of_nodes_and_pipes(
    exported: tuple[UniversalTemporalGNN, Path], nodes: int, edges: int
):
    model, path = exported
    assert parity(model, path, [random_graph(nodes, edges, seed=9)]) <= PARITY_TOLERANCE


def test_the_file_declares_the_inputs_that_the_model_uses(exported: tuple[UniversalTemporalGNN, Path]):
    model, path = exported
    assert tuple(item.name for item in onnx.load(path).graph.input) == model.inputs


def test_the_file_holds_no_trace_of_where_it_was_made(exported: tuple[UniversalTemporalGNN, Path]):
    _, path = exported
    assert str(Path(__file__).parents[3]).encode() not in path.read_bytes()
    onnx.checker.check_model(str(path))


def test_a_model_that_says_something_else_is_refused(exported: tuple[UniversalTemporalGNN, Path]):
    model, path = exported
    other = UniversalTemporalGNN(model.config)
    with pytest.raises(TrainingError, match=r"ONNX outputs differ from torch's by") as caught:
        check_parity(other, path, [random_graph(6, 8)])
    assert "constraints.txt" in caught.value.hint


def test_exporting_leaves_the_model_as_it_was(tmp_path: Path):
    model = UniversalTemporalGNN(ModelConfig(width=8)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}

    export_onnx(model, random_graph(4, 4), tmp_path / "model.onnx")

    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
