"""What runs in a worker process: a few models open, and one batch after the other."""

import gc
import os
import signal
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import connection, parent_process
from typing import TypeAlias

from cloud_sync.cloud.inference.job import Job, ServingModel
from cloud_sync.cloud.inference.message import LENGTHS_BYTES, MessageMemory, lengths, packed, unpacked
from cloud_sync.cloud.inference.open_model import OpenModel
from edge_runtime.errors import BackendError, BundleError, HydrosightError

MODELS_KEPT = 4
"""Open at once; the one that was longest not asked makes way."""

Reply: TypeAlias = bytes | HydrosightError
"""The JSON of an `InferenceAnswer`, or why there is none."""

_open: OrderedDict[str, OpenModel] = OrderedDict()


def work(line: socket.socket) -> None:
    """Be a worker: do what the server asks over the line, call by call, until it hangs up.

    A call is a function and its argument. One that raises is answered with a `BackendError`, and ends the worker, whose
    traceback goes to the server's log.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server's to act on
    server = parent_process()
    if server is not None:
        threading.Thread(target=_end_with, args=(server.sentinel,), daemon=True, name="server watch").start()
    memory = MessageMemory()
    with suppress(EOFError, ConnectionError):
        while True:
            function, argument = _received(line, memory)
            try:
                answer = function(argument)
            except Exception as error:
                fault = BackendError(f"the worker failed: {error!r}", hint="The server's log has the details.")
                line.sendall(packed(fault, memory))
                raise
            line.sendall(packed(answer, memory))


def prepare(model: ServingModel | None) -> None:
    """Load the engine, and open `model`; whoever asks for one that can't be opened will hear why."""
    from edge_runtime.backends import onnx  # noqa: F401, PLC0415 - not installed where nothing is inferred

    if model is not None:
        with suppress(BundleError, BackendError):
            _opened(model)
    gc.freeze()  # what is there stays: it needn't be looked through again and again


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


def _received(line: socket.socket, memory: MessageMemory) -> tuple[Callable[[object], object], object]:
    """The next call.

    Raises:
        EOFError: the server hung up.
    """
    head_bytes, samples_bytes = lengths(_filled(line, memory.room(LENGTHS_BYTES)))
    whole = memory.room(LENGTHS_BYTES + head_bytes + samples_bytes)
    body = _filled(line, whole[LENGTHS_BYTES:])
    function, argument = unpacked(body[:head_bytes], body[head_bytes:])
    return function, argument


def _filled(line: socket.socket, room: memoryview) -> memoryview:
    if line.recv_into(room, len(room), socket.MSG_WAITALL) < len(room):
        raise EOFError
    return room


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
