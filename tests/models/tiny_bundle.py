"""A real but tiny model bundle for tests: seeded weights, every input used, any number of nodes and edges."""

import hashlib
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.backends.base import FAULT_LOGITS, LEVEL_LOGITS
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import CARD_FILE, GOLDEN_FILE, MACHINE_FILE, MANIFEST_FILE, MODEL_FILE
from edge_runtime.features.classic import CLASSIC
from edge_runtime.features.sequence import SEQUENCE
from edge_runtime.golden import GoldenWindows, run_windows
from edge_runtime.graph import EDGE_FEATURES, GraphSample
from edge_runtime.machine import Machine
from edge_runtime.manifest import ConditionCalibration, Manifest, SensorBaseline, TrainingData
from edge_runtime.window import ChannelWindow, Window

WINDOW_US = 60_000_000
HIDDEN = 6
SHAPES = {
    "sequence": (TensorProto.FLOAT, ["N", 13, 64]),
    "sequence_mask": (TensorProto.FLOAT, ["N", 13, 64]),
    "features": (TensorProto.FLOAT, ["N", 13 * 34]),
    "feature_mask": (TensorProto.FLOAT, ["N", 13 * 34]),
    "machine_features": (TensorProto.FLOAT, ["N", 4]),
    "machine_feature_mask": (TensorProto.FLOAT, ["N", 4]),
    "component_type": (TensorProto.INT64, ["N"]),
    "edge_index": (TensorProto.INT64, [2, "E"]),
    "edge_features": (TensorProto.FLOAT, ["E", EDGE_FEATURES]),
}

TINY_MACHINE = """
name: tiny
description: A pump, a valve and an accumulator
components:
  - {name: tank, type: reservoir, criticality: 0.3}
  - {name: pump, type: gear_pump, criticality: 1.0, nameplate: {pressure_bar: 200, power_w: 3000, flow_l_min: 12}}
  - {name: accumulator, type: accumulator, criticality: 0.5}
  - {name: valve, type: directional_valve, criticality: 0.8, nameplate: {pressure_bar: 200, flow_l_min: 12}}
connections:
  - {source: tank, target: pump, diameter_mm: 25, length_m: 1, pressure_rating_bar: 10}
  - {source: pump, target: accumulator, diameter_mm: 12, length_m: 1, pressure_rating_bar: 250, material: rubber}
  - {source: pump, target: valve, diameter_mm: 12, length_m: 2, pressure_rating_bar: 250}
  - {source: valve, target: tank, diameter_mm: 20, length_m: 2, pressure_rating_bar: 10}
sensors:
  - {name: PS1, quantity: pressure, unit: bar, component: pump, port: pressure_out, rate_hz: 10,
     valid_min: 0, valid_max: 250, also_at: [{component: valve, port: pressure_in}]}
  - {name: EPS1, quantity: power, unit: W, component: pump, port: power, rate_hz: 10, valid_min: 0, valid_max: 5000}
  - {name: FS1, quantity: flow, unit: l/min, component: valve, port: flow_out, rate_hz: 1, valid_min: 0, valid_max: 20}
  - {name: TS1, quantity: temperature, unit: °C, component: tank, port: temperature_in, rate_hz: 1,
     valid_min: -20, valid_max: 120}
conditions:
  - name: pump
    component: pump
    fault: leakage
    levels:
      - {label: 0, health: 1.0, state: normal}
      - {label: 1, health: 0.6, state: maintenance_required}
      - {label: 2, health: 0.2, state: failure}
  - name: valve
    component: valve
    fault: valve_stiction
    levels:
      - {label: 100, health: 1.0, state: normal}
      - {label: 73, health: 0.1, state: failure}
  - name: accumulator
    component: accumulator
    fault: pressure_drop
    levels:
      - {label: 130, health: 1.0, state: normal}
      - {label: 115, health: 0.8, state: maintenance_required}
      - {label: 100, health: 0.5, state: maintenance_required}
      - {label: 90, health: 0.2, state: failure}
"""


def tiny_machine() -> Machine:
    """Four components, four pipes, four sensors; the tank has no condition, the accumulator no sensor of its own."""
    return Machine.model_validate(yaml.safe_load(TINY_MACHINE))


def window_of(machine: Machine, *, start_us: int = 0, level: float = 0.5, silent: tuple[str, ...] = ()) -> Window:
    """A minute in which every sensor swings around `level` of its valid range; `silent` ones have no sample."""
    channels = []
    for number, sensor in enumerate(machine.sensors):
        count = 0 if sensor.name in silent else round(WINDOW_US / sensor.step_us)
        swing = 0.02 * np.sin(np.arange(count) * (0.1 + 0.01 * number) + start_us / 1e7)
        values = sensor.valid_min + (level + swing) * (sensor.valid_max - sensor.valid_min)
        channels.append(ChannelWindow(sensor.name, sensor.step_us, values.astype(np.float32)))
    return Window(machine.name, start_us, start_us + WINDOW_US, tuple(channels))


def build_tiny_bundle(
    path: Path,
    *,
    name: str = "tiny",
    version: str = "1.0.0",
    release: int = 1,
    machine: Machine | None = None,
    level_bias: float = 0.0,
) -> Path:
    """Write a valid bundle into `path` and return `path`.

    Args:
        path: folder, created.
        name: name of the model.
        version: version of the model.
        release: release counter.
        machine: whose conditions are calibrated; `tiny_machine()` by default.
        level_bias: added to every level logit: −20 makes every component healthy, +20 every component failed.
    """
    machine = machine or tiny_machine()
    path.mkdir(parents=True, exist_ok=True)
    write_tiny_model(path / MODEL_FILE, level_bias=level_bias)
    windows = tuple(window_of(machine, start_us=k * WINDOW_US) for k in range(2))
    outputs = run_windows(machine, windows, OnnxBackend(path / MODEL_FILE))
    GoldenWindows(windows, outputs).write(path / GOLDEN_FILE)
    document = yaml.safe_dump(machine.model_dump(mode="json"), allow_unicode=True, sort_keys=False)
    (path / MACHINE_FILE).write_text(document, encoding="utf-8")
    (path / CARD_FILE).write_text(f"# {name} {version}\n\nA model for tests, trained on nothing.\n", encoding="utf-8")
    write_manifest(path, name=name, version=version, release=release, machine=machine)
    return path


def write_manifest(path: Path, *, name: str, version: str, release: int, machine: Machine) -> None:
    """Write the manifest over whatever files the folder holds."""
    files = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.iterdir())
        if file.name != MANIFEST_FILE
    }
    manifest = Manifest(
        name=name,
        version=version,
        release=release,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        minimum_agent_version=installed_version("hydrosight"),
        features=CLASSIC.id,
        sequence=SEQUENCE.id,
        window_s=WINDOW_US / 1e6,
        conditions={
            condition.name: ConditionCalibration(
                temperature=1.5,
                conformal_threshold=0.2,
                labels=tuple(str(level.label) for level in condition.levels),
            )
            for condition in machine.conditions
        },
        baseline={
            sensor.name: SensorBaseline(
                mean=(sensor.valid_min + sensor.valid_max) / 2, std=(sensor.valid_max - sensor.valid_min) / 100
            )
            for sensor in machine.sensors
        },
        training=TrainingData(recording="none", sha256="0" * 64, windows=0, seed=0),
        files=files,
    )
    (path / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")


def write_tiny_model(path: Path, *, level_bias: float = 0.0) -> Path:
    """Write an ONNX model with the inputs and outputs of the contract: one round of messages along the pipes."""
    random = np.random.default_rng(7)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array((0.5 * random.standard_normal(shape)).astype(np.float32), name)

    width = 4 + HIDDEN
    constants = [
        weights("type_embedding", 15, HIDDEN),
        weights("message_weights", width + EDGE_FEATURES, width),
        weights("level_weights", 2 * width, LEVEL_LOGITS),
        weights("fault_weights", 2 * width, FAULT_LOGITS),
        numpy_helper.from_array(np.full(LEVEL_LOGITS, level_bias, np.float32), "level_bias"),
        numpy_helper.from_array(np.array(0, np.int64), "source"),
        numpy_helper.from_array(np.array(1, np.int64), "target"),
        numpy_helper.from_array(np.array([1], np.int64), "last_axis"),
    ]
    pooled = []
    nodes = []
    for value, mask, axes in (
        ("sequence", "sequence_mask", [1, 2]),
        ("features", "feature_mask", [1]),
        ("machine_features", "machine_feature_mask", [1]),
    ):
        squashed, measured, mean = f"{value}_squashed", f"{value}_measured", f"{value}_mean"
        nodes += [
            helper.make_node("Tanh", [value], [squashed]),
            helper.make_node("Mul", [squashed, mask], [measured]),
            helper.make_node("ReduceMean", [measured], [f"{mean}_raw"], axes=axes, keepdims=0),
            helper.make_node("Unsqueeze", [f"{mean}_raw", "last_axis"], [mean]),
        ]
        pooled.append(mean)
    nodes += [
        helper.make_node("ReduceMean", ["sequence_mask"], ["coverage_raw"], axes=[1, 2], keepdims=0),
        helper.make_node("Unsqueeze", ["coverage_raw", "last_axis"], ["coverage"]),
        helper.make_node("Gather", ["type_embedding", "component_type"], ["type"], axis=0),
        helper.make_node("Concat", [*pooled, "coverage", "type"], ["node"], axis=1),
        helper.make_node("Gather", ["edge_index", "source"], ["from_node"], axis=0),
        helper.make_node("Gather", ["edge_index", "target"], ["to_node_flat"], axis=0),
        helper.make_node("Unsqueeze", ["to_node_flat", "last_axis"], ["to_node"]),
        helper.make_node("Gather", ["node", "from_node"], ["upstream"], axis=0),
        helper.make_node("Concat", ["upstream", "edge_features"], ["upstream_and_edge"], axis=1),
        helper.make_node("MatMul", ["upstream_and_edge", "message_weights"], ["message"]),
        helper.make_node("Sub", ["node", "node"], ["nothing"]),
        helper.make_node("ScatterND", ["nothing", "to_node", "message"], ["received"], reduction="add"),
        helper.make_node("Concat", ["node", "received"], ["state"], axis=1),
        helper.make_node("Gemm", ["state", "level_weights", "level_bias"], ["level_logits"]),
        helper.make_node("MatMul", ["state", "fault_weights"], ["fault_logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, *SHAPES[name]) for name in GraphSample.REQUIRED],
        [
            helper.make_tensor_value_info("level_logits", TensorProto.FLOAT, ["N", LEVEL_LOGITS]),
            helper.make_tensor_value_info("fault_logits", TensorProto.FLOAT, ["N", FAULT_LOGITS]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
