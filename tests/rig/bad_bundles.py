"""Models that pass every check of their form and fail in use."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edge_runtime.backends.base import ModelOutput
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import GOLDEN_FILE, MODEL_FILE
from edge_runtime.golden import GoldenWindows, run_windows
from edge_runtime.graph_builder import build_graph
from edge_runtime.machine import Machine
from tests.models.tiny_bundle import build_tiny_bundle, window_of, write_manifest

ENOUGH = 0.8
"""Share of the machine's data; without the sensors that publish over MQTT there is less."""


def changed_weights(path: Path, *, machine: Machine, release: int) -> Path:
    """A bundle whose model isn't the one that its golden windows were made with."""
    build_tiny_bundle(path, machine=machine, version=f"{release}.0.0", release=release)
    golden = GoldenWindows.read(path / GOLDEN_FILE, machine)
    wrong = tuple(ModelOutput(one.level_logits + np.float32(0.5), one.fault_logits) for one in golden.outputs)
    GoldenWindows(golden.windows, wrong).write(path / GOLDEN_FILE)
    write_manifest(path, name="tiny", version=f"{release}.0.0", release=release, machine=machine)
    return path


def fails_when_much_is_silent(path: Path, *, machine: Machine, release: int) -> Path:
    """A bundle whose model looks up a row that isn't there when too little of the machine is measured."""
    build_tiny_bundle(path, machine=machine, version=f"{release}.0.0", release=release, level_bias=-20.0)
    model = onnx.load(path / MODEL_FILE)
    (head,) = (node for node in model.graph.node if node.output[0] == "level_logits")
    head.output[0] = "level_logits_raw"
    measured = float(build_graph(machine, window_of(machine)).sequence_mask.mean())
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(measured * ENOUGH, np.float32), "whole_machine"),
            numpy_helper.from_array(np.zeros(1, np.float32), "only_row"),
        ]
    )
    model.graph.node.extend(
        [
            helper.make_node("ReduceMean", ["sequence_mask"], ["measured"], keepdims=0),
            helper.make_node("Less", ["measured", "whole_machine"], ["less"]),
            helper.make_node("Cast", ["measured"], ["something"], to=onnx.TensorProto.BOOL),
            helper.make_node("And", ["less", "something"], ["some_silent"]),
            helper.make_node("Cast", ["some_silent"], ["row"], to=onnx.TensorProto.INT64),
            helper.make_node("Gather", ["only_row", "row"], ["nothing_added"]),
            helper.make_node("Add", ["level_logits_raw", "nothing_added"], ["level_logits"]),
        ]
    )
    onnx.checker.check_model(model)
    onnx.save(model, path / MODEL_FILE)
    windows = GoldenWindows.read(path / GOLDEN_FILE, machine).windows
    GoldenWindows(windows, run_windows(machine, windows, OnnxBackend(path / MODEL_FILE))).write(path / GOLDEN_FILE)
    write_manifest(path, name="tiny", version=f"{release}.0.0", release=release, machine=machine)
    return path
