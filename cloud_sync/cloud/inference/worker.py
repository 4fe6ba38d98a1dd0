"""What runs in a worker process: a few models open, and one batch after the other."""

import os
import signal
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import connection, parent_process
from typing import TypeAlias

from cloud_sync.cloud.inference.job import Job, ServingModel
from cloud_sync.cloud.inference.open_model import OpenModel
from edge_runtime.errors import BackendError, BundleError, HydrosightError

MODELS_KEPT = 4
"""Open at once; the one that was longest not asked makes way."""

Reply: TypeAlias = bytes | HydrosightError
"""The JSON of an `InferenceAnswer`, or why there is none."""

_open: OrderedDict[str, OpenModel] = OrderedDict()


def begin() -> None:
    """Make this process a worker: it leaves signals to the server, and ends with it however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = parent_process()
    if server is not None:
        threading.Thread(target=_end_with, args=(server.sentinel,), daemon=True, name="server watch").start()


def prepare(model: ServingModel | None) -> None:
    """Load the engine, and open `model`; whoever asks for one that can't be opened will hear why."""
    from edge_runtime.backends import onnx  # noqa: F401, PLC0415 - not installed where nothing is inferred

    if model is not None:
        with suppress(BundleError, BackendError):
            _opened(model)


def run_batch(jobs: Sequence[Job]) -> list[Reply]:
    """Diagnose windows for one and the same model; in order."""
    try:
        model = _opened(jobs[0].model)
    except (BundleError, BackendError) as error:
        return [error] * len(jobs)
    return [
        answer if isinstance(answer, HydrosightError) else answer.model_dump_json().encode()
        for answer in model.answer(jobs)
    ]


def _opened(model: ServingModel) -> OpenModel:
    if model.sha256 not in _open:
        _open[model.sha256] = OpenModel(model)
        if len(_open) > MODELS_KEPT:
            _open.popitem(last=False)
    _open.move_to_end(model.sha256)
    return _open[model.sha256]


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
