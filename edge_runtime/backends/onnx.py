"""ONNX Runtime, on a CUDA device where there is one and on the CPU everywhere else."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.backends.base import OUTPUTS, ModelOutput
from edge_runtime.baseline.deviation import DEVIATIONS
from edge_runtime.errors import BackendError
from edge_runtime.features.classic import CLASSIC
from edge_runtime.features.hydraulic import HYDRAULIC
from edge_runtime.features.physics.registry import PHYSICS
from edge_runtime.features.sequence import TOKENS
from edge_runtime.graph import EDGE_FEATURES, GraphSample
from edge_runtime.vocabulary import CANONICAL_CHANNELS

# On Linux onnxruntime writes a device id and a database at import, unless it is told not to before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
_FATAL_ONLY = 4  # errors are raised, and would stand in the log a second time
# TF32 keeps 10 bits of mantissa, which is too few to reproduce the golden windows to 1e-3.
_CUDA_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}


class OnnxBackend:
    """A model file loaded by ONNX Runtime, checked and warmed up: the first real window is as fast as any other."""

    def __init__(self, model_path: Path, *, threads: int = 1) -> None:
        """Load `model_path`.

        Args:
            model_path: `model.onnx` of a bundle.
            threads: threads within one operator. One is the fastest for graphs of tens of nodes, and sleeps in between.

        Raises:
            BackendError: the file is missing, isn't a model, or its inputs and outputs are not those of the contract.
        """
        self._path = model_path
        self._session = _open_session(model_path, threads)
        provider = self._session.get_providers()[0]
        self._name = "onnxruntime-cuda" if provider == CUDA else "onnxruntime-cpu"
        self._inputs = tuple(item.name for item in self._session.get_inputs())
        self._check_signature()
        self.run(_smallest_sample())

    @property
    def name(self) -> str:
        """`onnxruntime-cuda` or `onnxruntime-cpu`."""
        return self._name

    @property
    def inputs(self) -> tuple[str, ...]:
        """Those that the model file declares; see `Backend.inputs`."""
        return self._inputs

    def run(self, sample: GraphSample) -> ModelOutput:
        """Infer; see `Backend.run`."""
        feeds = {name: getattr(sample, name) for name in self._inputs}
        try:
            level_logits, fault_logits = self._session.run(list(OUTPUTS), feeds)
        except _ORT_ERRORS as error:
            raise BackendError(
                f"{self._path}: {self._name} failed on {sample.nodes} nodes: {_first_line(error)}",
                hint="See what is wrong with: hydrosight doctor.",
            ) from error
        output = ModelOutput(np.asarray(level_logits, np.float32), np.asarray(fault_logits, np.float32))
        output.check(sample.nodes, str(self._path))
        return output

    def _check_signature(self) -> None:
        outputs = [item.name for item in self._session.get_outputs()]
        for kind, found, needed, allowed in (
            ("inputs", self._inputs, GraphSample.REQUIRED, GraphSample.INPUTS),
            ("outputs", outputs, OUTPUTS, OUTPUTS),
        ):
            missing, unknown = sorted(set(needed) - set(found)), sorted(set(found) - set(allowed))
            if missing or unknown:
                raise BackendError(
                    f"{self._path}: wrong {kind}: missing {missing}, unknown {unknown}",
                    hint="Export the model again with this version's hydrosight-train, or update this agent "
                    "if the model is newer than it.",
                )


def _open_session(path: Path, threads: int) -> Any:  # noqa: ANN401 - onnxruntime is untyped
    if not path.is_file():
        raise BackendError(f"{path}: no such model file", hint="Install a bundle with: hydrosight model install DIR.")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _FATAL_ONLY
    # A spinning pool would burn a core between windows that are a minute apart.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    if CUDA in ort.get_available_providers():
        try:
            return _session(path, options, [(CUDA, _CUDA_OPTIONS), CPU])
        except _ORT_ERRORS:
            pass  # no driver, no free memory, another CUDA version: the CPU serves as well; `name` tells which it is
    try:
        return _session(path, options, [CPU])
    except _ORT_ERRORS as error:
        raise BackendError(
            f"{path}: is not a model that onnxruntime {ort.__version__} can load: {_first_line(error)}",
            hint="Install the bundle again, or update the agent.",
        ) from error


def _session(path: Path, options: Any, providers: Sequence[Any]) -> Any:  # noqa: ANN401 - onnxruntime is untyped
    return ort.InferenceSession(str(path), sess_options=options, providers=list(providers))


def _onnxruntime_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises: its own classes have no common base, and its checks of arguments are built-ins."""
    state = ort.capi.onnxruntime_pybind11_state
    named = [value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)]
    return (*named, RuntimeError, ValueError, TypeError)


_ORT_ERRORS = _onnxruntime_errors()


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def _smallest_sample() -> GraphSample:
    """Two nodes and a pipe with nothing measured: it allocates what real windows use, and checks every shape."""
    nodes, channels, classic = 2, len(CANONICAL_CHANNELS), len(CANONICAL_CHANNELS) * len(CLASSIC)
    return GraphSample(
        sequence=np.zeros((nodes, channels, TOKENS), np.float32),
        sequence_mask=np.zeros((nodes, channels, TOKENS), np.float32),
        features=np.zeros((nodes, classic), np.float32),
        feature_mask=np.zeros((nodes, classic), np.float32),
        machine_features=np.zeros((nodes, len(HYDRAULIC)), np.float32),
        machine_feature_mask=np.zeros((nodes, len(HYDRAULIC)), np.float32),
        component_type=np.zeros(nodes, np.int64),
        edge_index=np.array([[0], [1]], np.int64),
        edge_features=np.zeros((1, EDGE_FEATURES), np.float32),
        residuals=np.zeros((nodes, len(PHYSICS)), np.float32),
        residual_mask=np.zeros((nodes, len(PHYSICS)), np.float32),
        deviation=np.zeros((nodes, DEVIATIONS), np.float32),
        deviation_mask=np.zeros((nodes, DEVIATIONS), np.float32),
    )
