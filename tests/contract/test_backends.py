"""What every inference backend must do; a new one is added to BACKENDS."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edge_runtime.backends.base import FAULT_LOGITS, LEVEL_LOGITS
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.errors import BackendError
from edge_runtime.graph import GraphSample
from edge_runtime.graph_builder import build_graph, join_graphs
from tests.models.tiny_bundle import tiny_machine, window_of, write_tiny_model

BACKENDS = [OnnxBackend]


@pytest.fixture(params=BACKENDS)
def load(request):
    return request.param


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path / "model.onnx")


@pytest.fixture
def samples():
    machine = tiny_machine()
    return [build_graph(machine, window_of(machine, start_us=k * 60_000_000, level=0.2 + 0.1 * k)) for k in range(4)]


def test_gives_one_row_of_logits_a_node(load, model, samples):
    output = load(model).run(samples[0])
    assert output.level_logits.shape == (samples[0].nodes, LEVEL_LOGITS)
    assert output.fault_logits.shape == (samples[0].nodes, FAULT_LOGITS)
    assert output.level_logits.dtype == output.fault_logits.dtype == np.float32


def test_the_same_sample_gives_the_same_output(load, model, samples):
    backend = load(model)
    first, second = backend.run(samples[0]), backend.run(samples[0])
    np.testing.assert_array_equal(first.level_logits, second.level_logits)


def test_joined_graphs_give_what_each_gives_alone(load, model, samples):
    backend = load(model)
    joined = backend.run(join_graphs(samples))
    alone = [backend.run(sample) for sample in samples]
    np.testing.assert_allclose(joined.level_logits, np.concatenate([o.level_logits for o in alone]), atol=1e-5)
    np.testing.assert_allclose(joined.fault_logits, np.concatenate([o.fault_logits for o in alone]), atol=1e-5)


def test_inputs_reach_the_output(load, model, samples):
    backend = load(model)
    assert not np.allclose(backend.run(samples[0]).level_logits, backend.run(samples[3]).level_logits, atol=1e-4)


def test_names_engine_and_device(load, model):
    assert load(model).name == "onnxruntime-cpu"


def test_a_missing_model_is_named(load, tmp_path):
    with pytest.raises(BackendError, match=r"gone\.onnx: no such model file"):
        load(tmp_path / "gone.onnx")


@pytest.mark.parametrize("damage", ["empty", "cut", "noise"])
def test_a_damaged_model_is_refused(load, model, damage):
    content = model.read_bytes()
    model.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "noise": b"\x07" * 4000}[damage])
    with pytest.raises(BackendError, match=r"model\.onnx: is not a model that"):
        load(model)


def test_a_model_with_other_inputs_is_refused_by_name(load, model):
    graph = onnx.load(model)
    next(item for item in graph.graph.input if item.name == "sequence").name = "signals"
    for node in graph.graph.node:
        node.input[:] = ["signals" if name == "sequence" else name for name in node.input]
    onnx.save(graph, model)
    with pytest.raises(BackendError, match=r"wrong inputs: missing \['sequence'\], unknown \['signals'\]"):
        load(model)


def test_an_optional_input_reaches_the_model_that_declares_it(load, model, samples):
    graph = onnx.load(model)
    for name in GraphSample.OPTIONAL:
        graph.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", None]))
    graph.graph.node.insert(0, helper.make_node("ReduceSum", ["residual_mask"], ["known"], keepdims=0))
    level = next(node for node in graph.graph.node if node.output[0] == "level_logits")
    level.output[0] = "level_without"
    graph.graph.node.append(helper.make_node("Add", ["level_without", "known"], ["level_logits"]))
    plain = load(model).run(samples[0])
    onnx.save(graph, model)
    sample = replace(samples[0], residual_mask=np.ones_like(samples[0].residual_mask))
    known = sample.residual_mask.size
    np.testing.assert_allclose(load(model).run(sample).level_logits, plain.level_logits + known, rtol=1e-5)


def test_an_input_that_this_agent_does_not_know_is_refused(load, model):
    graph = onnx.load(model)
    graph.graph.input.append(helper.make_tensor_value_info("smell", TensorProto.FLOAT, ["N"]))
    onnx.save(graph, model)
    with pytest.raises(BackendError, match=r"wrong inputs: missing \[\], unknown \['smell'\]") as caught:
        load(model)
    assert "update this agent" in caught.value.hint


def test_a_model_for_other_shapes_is_refused_when_it_is_loaded(load, model):
    graph = onnx.load(model)
    wide = next(item for item in graph.graph.input if item.name == "features")
    wide.type.tensor_type.shape.dim[1].dim_value = 7
    onnx.save(graph, model)
    with pytest.raises(BackendError, match=r"model\.onnx: "):
        load(model)


def test_an_output_that_is_no_number_is_an_error_not_a_diagnosis(load, tmp_path, samples):
    path = write_tiny_model(tmp_path / "model.onnx", level_bias=float("nan"))
    with pytest.raises(BackendError, match="level_logits holds numbers that are not finite"):
        load(path).run(samples[0])


def test_an_output_of_another_width_is_an_error(load, model):
    graph = onnx.load(model)
    del graph.graph.output[1]
    graph.graph.node.append(helper.make_node("Identity", ["state"], ["other"]))
    for node in graph.graph.node:
        node.output[:] = [{"fault_logits": "old", "other": "fault_logits"}.get(name, name) for name in node.output]
    graph.graph.output.append(helper.make_tensor_value_info("fault_logits", TensorProto.FLOAT, ["N", 20]))
    onnx.save(graph, model)
    with pytest.raises(BackendError, match=r"fault_logits has shape \(2, 20\), \(2, 9\) is needed"):
        load(model)
