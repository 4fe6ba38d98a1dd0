import os
import subprocess
import sys

import onnxruntime as ort
import pytest

from edge_runtime.backends import onnx as module
from edge_runtime.backends.onnx import CPU, CUDA, OnnxBackend
from tests.models.tiny_bundle import write_tiny_model


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path / "model.onnx")


def test_threads_do_not_spin_between_windows(model, monkeypatch):
    seen = []
    real = module._session

    def spy(path, options, providers):
        seen.append(options)
        return real(path, options, providers)

    monkeypatch.setattr(module, "_session", spy)
    OnnxBackend(model, threads=2)
    assert seen[0].intra_op_num_threads == 2
    assert seen[0].get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_cuda_device_that_fails_leaves_the_cpu(model, monkeypatch):
    """The package has the CUDA provider, the box has no usable device."""
    tried = []
    real = module._session

    def no_device(path, options, providers):
        tried.append(providers)
        if providers != [CPU]:
            raise ort.capi.onnxruntime_pybind11_state.Fail("CUDA failure 100: no CUDA-capable device is detected")
        return real(path, options, providers)

    monkeypatch.setattr(module, "_session", no_device)
    monkeypatch.setattr(module.ort, "get_available_providers", lambda: [CUDA, CPU])
    assert OnnxBackend(model).name == "onnxruntime-cpu"
    assert tried[0][0][0] == CUDA
    assert len(tried) == 2


def test_telemetry_is_off_before_onnxruntime_is_imported():
    code = "import os, edge_runtime.backends.onnx; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "1"
