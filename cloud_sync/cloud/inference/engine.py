"""Between requests and worker processes: batches go out as the batcher says, answers go back to who asked.

Processes and not threads: half of a diagnosis is Python, which would hold up everything else that this server does; and
a fault in the engine's native code ends a worker, not the server. ADR 72 has the numbers.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Protocol

import structlog

from cloud_sync.cloud.inference.batcher import BOTTLENECK, Batcher, BatchLimits, Lane, Waiting
from cloud_sync.cloud.inference.job import Job, ServingModel
from cloud_sync.cloud.inference.worker import Reply
from cloud_sync.cloud.metrics import CentreMetrics
from cloud_sync.cloud.settings import CloudSettings
from edge_runtime.errors import BackendError, HydrosightError, OverloadedError, RefusedError

PATIENCE_S = 0.5
"""How long ranges give way to single windows that keep coming: then one batch of theirs goes first."""

_log = structlog.get_logger(__name__)
_Work = tuple[Job, asyncio.Future[bytes]]


class Worker(Protocol):
    """What the engine needs of a `WorkerProcess`."""

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        ...

    async def run_batch(self, jobs: Sequence[Job], within_s: float) -> list[Reply]:
        """Diagnose; raises a HydrosightError when the worker can't be used any more."""
        ...

    async def end(self) -> None:
        """End it."""
        ...


class InferenceEngine:
    """Diagnoses jobs in `processes` workers, each of which starts with `warm_up` or else when it is needed."""

    def __init__(
        self,
        limits: BatchLimits,
        metrics: CentreMetrics,
        start_worker: Callable[[ServingModel | None], Awaitable[Worker]],
        *,
        processes: int,
        worker_timeout_s: float,
    ) -> None:
        """Start workers with `start_worker`, and give up one that hasn't answered a batch in time."""
        self._batcher: Batcher[str, _Work] = Batcher(limits)
        self._metrics = metrics
        self._start_worker = start_worker
        self._processes = processes if find_spec("onnxruntime") else 0
        self._worker_timeout_s = worker_timeout_s
        self._model: ServingModel | None = None
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._running: set[asyncio.Task[None]] = set()
        self._soon: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        for lane in Lane:
            metrics.inference_waiting.labels(lane.name.lower()).set_function(partial(self._batcher.waiting, lane))

    async def infer(self, job: Job, lane: Lane, within_s: float) -> bytes:
        """The JSON of the `InferenceAnswer` about a window. Cancelled, the window is given up unless it has begun.

        Raises:
            OverloadedError: too much waits already, it wasn't begun within `within_s`, or its worker ended.
            RefusedError: this server doesn't diagnose (501).
            HydrosightError: the machine file is wrong, or the model fails on it.
        """
        if not self._processes:
            raise RefusedError(
                "this server doesn't diagnose windows",
                status=501,
                hint="Set inference_processes, and install it: pip install 'hydrosight[inference]'",
            )
        now_s = time.monotonic()
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        waiting = self._batcher.offer(lane, job.model.sha256, (job, answer), now_s, now_s + within_s)
        self._dispatch_soon()
        try:
            return await answer
        finally:
            self._batcher.cancel(waiting)

    async def warm_up(self, model: ServingModel | None) -> None:
        """Start the workers, and open `model` there: no window then waits, or is refused, for that."""
        self._model = model
        await asyncio.gather(*(self._warm_one() for _ in range(self._processes)))

    async def close(self) -> None:
        """End the workers; what they are at is given up."""
        for waiting in (self._soon, self._timer):
            if waiting is not None:
                waiting.cancel()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.gather(*(worker.end() for worker in self._workers))

    def _dispatch_soon(self) -> None:
        """Hand out what is ready once all that comes at this moment has come: it goes out together."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        """Hand out what is ready, and look again when more may be."""
        self._soon = None
        now_s = time.monotonic()
        for late in self._batcher.expire(now_s):
            _refuse(late.work[1], _overload("the window's turn didn't come in time"))
        while len(self._running) < self._processes and (batch := self._batcher.take(now_s)):
            task = asyncio.create_task(self._run(batch))
            self._running.add(task)
            task.add_done_callback(self._ran)
        if self._timer is not None:
            self._timer.cancel()
        next_s = self._batcher.next_event_s(worker_free=len(self._running) < self._processes)
        self._timer = (
            None
            if next_s is None
            else asyncio.get_running_loop().call_at(
                asyncio.get_running_loop().time() + max(0.0, next_s - now_s), self._dispatch
            )
        )

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            self._dispatch_soon()
            task.result()  # a fault of the program goes to the log

    async def _run(self, batch: list[Waiting[str, _Work]]) -> None:
        self._metrics.inference_batch_windows.observe(len(batch))
        answers = [item.work[1] for item in batch]
        try:
            replies = await self._diagnosed([item.work[0] for item in batch])
        except HydrosightError as error:
            # Whichever window it was that a worker was lost on: all are told to come again, to a new one.
            for answer in answers:
                _refuse(answer, error)
            return
        except Exception as error:
            for answer in answers:
                _refuse(answer, BackendError(f"inference failed: {error!r}", hint="The server's log has the details."))
            raise
        for answer, reply in zip(answers, replies, strict=True):
            if isinstance(reply, HydrosightError):
                _refuse(answer, reply)
            elif not answer.done():
                answer.set_result(reply)

    async def _diagnosed(self, jobs: Sequence[Job]) -> list[Reply]:
        """What a worker says of a batch; there is one to take or to start, for no more batches run than there may be.

        Raises:
            HydrosightError: it was lost over it.
        """
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                break
            await self._lost(worker, "it ended while it had nothing to do")
        else:
            worker = await self._started()
        try:
            replies = await worker.run_batch(jobs, self._worker_timeout_s)
        except Exception as error:
            await self._lost(worker, str(error))
            raise
        self._idle.append(worker)
        return replies

    async def _warm_one(self) -> None:
        try:
            self._idle.append(await self._started())
        except HydrosightError as error:
            _log.error("inference worker doesn't start; the first window tries again", problem=str(error))

    async def _started(self) -> Worker:
        worker = await self._start_worker(self._model)
        self._workers.add(worker)
        return worker

    async def _lost(self, worker: Worker, problem: str) -> None:
        _log.error("inference worker lost; a new one is started", problem=problem)
        self._metrics.inference_workers_lost.inc()
        self._workers.discard(worker)
        await worker.end()


def batch_limits(settings: CloudSettings) -> BatchLimits:
    """What the settings say about batches."""
    return BatchLimits(
        max_batch=settings.inference_max_batch,
        max_wait_s=settings.inference_max_wait_ms / 1e3,
        max_waiting=settings.inference_max_waiting,
        patience_s=PATIENCE_S,
    )


def _overload(message: str) -> OverloadedError:
    return OverloadedError(message, hint="Try again later.", bottleneck=BOTTLENECK)


def _refuse(answer: asyncio.Future[bytes], error: HydrosightError) -> None:
    if not answer.done():
        answer.set_exception(error)
