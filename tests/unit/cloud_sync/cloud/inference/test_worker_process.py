"""A real worker process; what becomes of a request when one hangs or is killed is in integration/cloud."""

from pathlib import Path

import numpy as np
import pytest

from cloud_sync.cloud.inference.answer import InferenceAnswer
from cloud_sync.cloud.inference.job import Job, ServingModel, StoredWindow
from cloud_sync.cloud.inference.worker_process import WorkerProcess
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import BackendError, BundleError
from edge_runtime.window import Window
from tests.models.tiny_bundle import TINY_MACHINE, WINDOW_US, build_tiny_bundle, tiny_machine, window_of

LONG_S = 60.0
"""Longer than anything here takes on a busy machine."""


def signals(window: Window) -> dict[str, tuple[int, np.ndarray]]:
    return {channel.sensor: (channel.step_us, channel.values) for channel in window.channels}


def timeless(diagnosis: Diagnosis) -> Diagnosis:
    """Without what no two runs have in common."""
    return diagnosis.model_copy(update={"inference_ms": 0.0})


async def test_a_worker_answers_as_the_box_would_until_the_program_fails_in_it(tmp_path: Path):
    bundle = open_bundle(build_tiny_bundle(tmp_path / "tiny"))
    model = ServingModel("tiny", "1.0.0", bundle.sha256, bundle.path, 60.0)
    machine = tiny_machine()
    windows = [
        window_of(machine, start_us=number * WINDOW_US, level=0.2 + number / 10, silent=("FS1",) if number == 1 else ())
        for number in range(4)
    ]
    jobs = [
        Job(model, TINY_MACHINE, StoredWindow("tiny", window.start_us, window.end_us, signals(window)), 0)
        for window in windows
    ]
    worker = await WorkerProcess.start(model)
    try:
        for few in (jobs[:1], jobs):  # the second message is longer than the first
            replies = await worker.run_batch(few, LONG_S)
            found = [InferenceAnswer.model_validate_json(reply).diagnosis for reply in replies]
            expected = Diagnoser(machine, bundle, OnnxBackend(bundle.model_path)).diagnose_many(windows[: len(few)])
            assert [timeless(item) for item in found] == [timeless(item) for item in expected]
        gone = Job(ServingModel("gone", "1.0.0", "0" * 64, tmp_path / "gone", 60.0), TINY_MACHINE, jobs[0].window, 0)
        (reply,) = await worker.run_batch([gone], LONG_S)
        assert isinstance(reply, BundleError)
        with pytest.raises(BackendError, match="IndexError"):
            await worker.run_batch([], LONG_S)
    finally:
        await worker.end()
    assert not worker.alive
