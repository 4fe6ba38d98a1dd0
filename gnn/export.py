"""From torch to ONNX, and proof that both say the same."""

import copy
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.export import Dim

from edge_runtime.backends.base import OUTPUTS
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.errors import TrainingError
from edge_runtime.graph import GraphSample
from gnn.model import GraphTensors, UniversalTemporalGNN

PARITY_TOLERANCE = 1e-4
OPSET = 20


def export_onnx(model: UniversalTemporalGNN, sample: GraphSample, path: Path) -> None:
    """Write `model` as an ONNX file with any number of nodes and edges, and with the inputs that it uses.

    Args:
        model: trained, on the CPU.
        sample: any window with at least two nodes and two edges; its values don't matter.
        path: the file to write.
    """
    nodes, edges = Dim("nodes"), Dim("edges")
    axes = {"edge_index": {1: edges}, "edge_features": {0: edges}}
    shapes = tuple(axes.get(name, {0: nodes}) for name in model.inputs)
    with _quiet_exporter():
        program = torch.onnx.export(
            copy.deepcopy(model).eval(),
            model.chosen(GraphTensors.of(sample)),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(model.inputs),
            output_names=list(OUTPUTS),
            dynamic_shapes={"inputs": shapes},
            verbose=False,
        )
    if program is None:
        raise TrainingError(f"{path}: the model could not be exported", hint="Run again with TORCH_LOGS=+export.")
    _forget_origin(program)
    program.save(str(path), external_data=False)


def _forget_origin(program: torch.onnx.ONNXProgram) -> None:
    """Take off the stack traces: they name this machine's folders and are a third of the file."""
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()
    program.model.graph.metadata_props.clear()


def parity(model: UniversalTemporalGNN, path: Path, samples: Sequence[GraphSample]) -> float:
    """Largest difference between torch and ONNX Runtime over these samples' outputs."""
    backend, model = OnnxBackend(path), copy.deepcopy(model).eval()
    largest = 0.0
    with torch.inference_mode():
        for sample in samples:
            level, fault = model(*model.chosen(GraphTensors.of(sample)))
            output = backend.run(sample)
            for expected, found in ((level, output.level_logits), (fault, output.fault_logits)):
                largest = max(largest, float((expected - torch.from_numpy(found)).abs().max()))
    return largest


def check_parity(model: UniversalTemporalGNN, path: Path, samples: Sequence[GraphSample]) -> float:
    """`parity`, which must be at most 1e-4.

    Raises:
        TrainingError: the exported file doesn't say what the model says.
    """
    difference = parity(model, path, samples)
    if not difference <= PARITY_TOLERANCE:
        raise TrainingError(
            f"{path}: ONNX outputs differ from torch's by {difference:.2g}, at most {PARITY_TOLERANCE:g} is allowed",
            hint="Compare the versions of torch, onnxscript and onnxruntime with constraints.txt.",
        )
    return difference


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Without what the exporter says of itself: no torchvision, two inputs with the same axis, its own old calls."""
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"# The axis name: .* will not be used", UserWarning)
            warnings.filterwarnings("ignore", r"_check_is_size will be removed", FutureWarning)
            warnings.filterwarnings("ignore", r"The \.grad attribute of a Tensor that is not a leaf", UserWarning)
            warnings.filterwarnings("ignore", r"The tensor attributes self\.encoder\.lstm", UserWarning)
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            yield
    finally:
        registration.setLevel(level)
