"""Between requests and worker processes: batches go out as the batcher says, answers go back to who asked.

Processes and not threads: half of a diagnosis is Python, which would hold up everything else that this server does; and
a fault in the engine's native code ends a worker, not the server. ADR 72 has the numbers.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec

import structlog

from cloud_sync.cloud.inference import worker
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


class InferenceEngine:
    """Diagnoses jobs in `processes` processes, which start with `warm_up` or else with the first job."""

    def __init__(
        self,
        limits: BatchLimits,
        metrics: CentreMetrics,
        *,
        processes: int,
        start_pool: Callable[[int], Executor] | None = None,
    ) -> None:
        self._batcher: Batcher[str, _Work] = Batcher(limits)
        self._metrics = metrics
        self._processes = processes if find_spec("onnxruntime") else 0
        self._start_pool = start_pool or _start_pool
        self._pool: Executor | None = None
        self._running: set[asyncio.Task[None]] = set()
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
        self._dispatch()
        try:
            return await answer
        finally:
            self._batcher.cancel(waiting)

    async def warm_up(self, model: ServingModel | None) -> None:
        """Start the workers, and open `model` there: no window then waits, or is refused, for that."""
        if not self._processes:
            return
        self._pool = pool = self._start_pool(self._processes)
        loop = asyncio.get_running_loop()
        try:
            await asyncio.gather(*(loop.run_in_executor(pool, worker.prepare, model) for _ in range(self._processes)))
        except BrokenExecutor:
            self._lost(pool)

    async def close(self) -> None:
        """End the workers; what they are at is given up."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._pool is not None:
            await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    def _dispatch(self) -> None:
        """Hand out what is ready, and look again when more may be."""
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
            self._dispatch()
            task.result()  # a fault of the program goes to the log

    async def _run(self, batch: list[Waiting[str, _Work]]) -> None:
        self._metrics.inference_batch_windows.observe(len(batch))
        answers = [item.work[1] for item in batch]
        if self._pool is None:
            self._pool = self._start_pool(self._processes)
        pool = self._pool
        try:
            replies: list[Reply] = await asyncio.get_running_loop().run_in_executor(
                pool, worker.run_batch, [item.work[0] for item in batch]
            )
        except BrokenExecutor:
            # Whichever window it was that a worker ended on: all are told to come again, to new workers.
            self._lost(pool)
            for answer in answers:
                _refuse(answer, _overload("the worker that had the window ended"))
            return
        except Exception as error:
            for answer in answers:
                _refuse(answer, BackendError(f"the worker failed: {error!r}", hint="The server's log has the details."))
            raise
        for answer, reply in zip(answers, replies, strict=True):
            if isinstance(reply, HydrosightError):
                _refuse(answer, reply)
            elif not answer.done():
                answer.set_result(reply)

    def _lost(self, pool: Executor) -> None:
        _log.error("inference worker ended; new ones are started")
        if self._pool is pool:
            self._pool = None


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


def _start_pool(processes: int) -> Executor:
    # `spawn`: a fork of a process with threads and connections may stop for ever.
    return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"), initializer=worker.begin)
