"""A worker process as the server sees it: it is called over a socket, and has only so long to answer."""

import asyncio
import multiprocessing
import socket
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from cloud_sync.cloud.inference import worker
from cloud_sync.cloud.inference.batcher import BOTTLENECK
from cloud_sync.cloud.inference.job import Job, ServingModel
from cloud_sync.cloud.inference.message import LENGTHS_BYTES, MessageMemory, lengths, packed, unpacked
from edge_runtime.errors import HydrosightError, OverloadedError

# A fork of a process with threads and connections may stop for ever.
_SPAWN = multiprocessing.get_context("spawn")
STARTS_WITHIN_S = 60.0
"""Some seconds are usual: Python, the engine and a model."""
ENDS_WITHIN_S = 5.0
"""A process that the kernel can't end by then isn't waited for."""

Answer = TypeVar("Answer")


class WorkerProcess:
    """One process, which does one thing at a time.

    Once a call has raised, or was cancelled, it can only be ended: what it would say next may be the answer to that.
    """

    def __init__(self, process: BaseProcess, line: socket.socket) -> None:
        """Take a process that runs `worker.work`, and the other end of its line."""
        self._process = process
        self._line = line
        self._memory = MessageMemory()

    @classmethod
    async def start(cls, model: ServingModel | None) -> "WorkerProcess":
        """Start one, and open `model` there.

        Raises:
            OverloadedError: the system has no room for another process, or it didn't come up.
        """
        try:
            started = cls(*await asyncio.to_thread(_spawned))
        except OSError as error:
            raise _overload(f"a worker can't be started: {error}") from error
        try:
            await started._call(worker.prepare, model, STARTS_WITHIN_S)
        except BaseException:
            await started.end()
            raise
        return started

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self._process.is_alive()

    async def run_batch(self, jobs: Sequence[Job], within_s: float) -> list[worker.Reply]:
        """Let it do `worker.run_batch`.

        Raises:
            OverloadedError: it ended, or didn't answer in time.
            BackendError: it failed, by a fault of the program.
        """
        return await self._call(worker.run_batch, jobs, within_s)

    async def end(self) -> None:
        """End it, whatever it is at."""
        self._line.close()
        self._process.kill()
        await asyncio.to_thread(self._process.join, ENDS_WITHIN_S)

    async def _call(self, function: Callable[[Any], Answer], argument: object, within_s: float) -> Answer:
        try:
            async with asyncio.timeout(within_s):
                await asyncio.get_running_loop().sock_sendall(self._line, packed((function, argument), self._memory))
                answer: Answer | HydrosightError = await self._received()
        except TimeoutError as error:
            raise _overload(f"the worker hasn't answered for {within_s:g} s") from error
        except (EOFError, OSError) as error:
            raise _overload("the worker ended") from error
        if isinstance(answer, HydrosightError):
            raise answer
        return answer

    async def _received(self) -> Any:  # noqa: ANN401 - of the function that was called
        head_bytes, samples_bytes = lengths(await self._filled(self._memory.room(LENGTHS_BYTES)))
        body = await self._filled(self._memory.room(head_bytes + samples_bytes))
        return unpacked(body[:head_bytes], body[head_bytes:])

    async def _filled(self, room: memoryview) -> memoryview:
        loop, left = asyncio.get_running_loop(), room
        while left:
            count = await loop.sock_recv_into(self._line, left)
            if not count:
                raise EOFError
            left = left[count:]
        return room


def _spawned() -> tuple[BaseProcess, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        process = _SPAWN.Process(target=worker.work, args=(theirs,), name="inference worker", daemon=True)
        try:
            process.start()
        except OSError:
            ours.close()
            raise
    return process, ours


def _overload(message: str) -> OverloadedError:
    return OverloadedError(message, hint="Try again later.", bottleneck=BOTTLENECK)
