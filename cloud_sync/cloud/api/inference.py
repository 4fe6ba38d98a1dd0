"""POST /api/v1/inference and /api/v1/batch-inference: what the model says of windows that are stored here."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Annotated, Self, TypeVar

import structlog
from fastapi import APIRouter, Request, Response, Security
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.types import Message, Receive, Scope, Send

from cloud_sync.cloud.access.operators import authorise
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.inference.answer import InferenceAnswer, RangeLine
from cloud_sync.cloud.inference.asked import AskedRange, ask_one, ask_range
from cloud_sync.cloud.inference.batcher import BOTTLENECK, Lane
from cloud_sync.cloud.inference.engine import InferenceEngine
from cloud_sync.cloud.inference.job import Job
from cloud_sync.cloud.inference.model_shelf import ModelShelf
from cloud_sync.cloud.inference.ranges import answer_ranges
from cloud_sync.cloud.inference.window_lookup import FoundWindow
from cloud_sync.cloud.metrics import CentreMetrics
from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.database import Database
from edge_runtime.errors import (
    BackendError,
    BundleError,
    ConfigurationError,
    OverloadedError,
    RefusedError,
    UpdateError,
)
from edge_runtime.machine import Name

_log = structlog.get_logger(__name__)

MOST_MACHINES = 100
_RANGE_PATIENCE = 6
"""So many times as long as a single window those of a range wait: nobody looks at them meanwhile."""
_MOST_STALLED_S = 60.0
_CLIENT_LEFT = 499  # nobody reads it; nginx's number for it

Result = TypeVar("Result")


class InferenceRequest(BaseModel):
    """One window: the one that holds `time`, or the newest."""

    model_config = ConfigDict(extra="forbid")

    machine: Annotated[Name, Field(examples=["press-7"])]
    time: Annotated[AwareDatetime | None, Field(description="any moment in the window; null: the newest window")] = None


class BatchInferenceRequest(BaseModel):
    """All windows of these machines that begin from `start` on and before `end`."""

    model_config = ConfigDict(extra="forbid")

    machines: Annotated[list[Name], Field(min_length=1, max_length=MOST_MACHINES, examples=[["press-7", "press-8"]])]
    start: AwareDatetime
    end: AwareDatetime

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end must be later than start")
        if len(set(self.machines)) < len(self.machines):
            raise ValueError("a machine is named twice")
        return self


def inference_api(
    database: Database, settings: CloudSettings, shelf: ModelShelf, engine: InferenceEngine, metrics: CentreMetrics
) -> APIRouter:
    """Routes of inference; a viewer's token will do."""
    router = APIRouter(
        prefix="/api/v1", tags=["operators"], dependencies=[Security(PERSON)], responses=problems(404, 409, 501)
    )
    ranges_at_once = _Few(settings.concurrent_batch_inferences)
    room = asyncio.Semaphore(settings.inference_max_waiting)  # a page may hold more windows than may wait

    @router.post(
        "/inference",
        summary="What the model says of one stored window",
        response_model=None,
        responses={200: {"model": InferenceAnswer}},
    )
    async def infer_one(request: Request, asked: InferenceRequest) -> Response:
        started = time.monotonic()
        with _faults_named():
            async with database.transaction() as connection:
                await authorise(connection, request)
                job = await ask_one(connection, shelf, asked.machine, asked.time)
            answer = await _while_connected(request, engine.infer(job, Lane.SINGLE, settings.inference_timeout_s))
        metrics.inference_seconds.observe(time.monotonic() - started)
        return Response(answer, media_type="application/json")

    @router.post(
        "/batch-inference",
        summary="What the model says of all stored windows in a span of time",
        response_model=None,
        status_code=200,  # FastAPI finds it only in classes with the arguments of its own
        response_class=_RangeResponse,
        responses={200: {"model": RangeLine, "description": "A line of JSON for each window, and one at the end"}},
    )
    async def infer_many(request: Request, asked: BatchInferenceRequest) -> Response:
        with _faults_named():
            async with database.transaction() as connection:
                await authorise(connection, request)
                ranges = [await ask_range(connection, shelf, name, asked.start, asked.end) for name in asked.machines]
        most = sum(item.most_windows for item in ranges)
        if most > settings.inference_max_windows:
            raise RefusedError(
                f"{most} windows may be in this span of time, at most {settings.inference_max_windows} are taken",
                status=422,
                hint="Ask for a shorter span, or for fewer machines at a time.",
            )

        async def read(item: AskedRange, since: datetime) -> list[FoundWindow]:
            async with database.transaction() as connection:
                await authorise(connection, request)
                return await item.page(connection, since)

        async def infer(job: Job) -> bytes:
            async with room:
                return await engine.infer(job, Lane.RANGE, _RANGE_PATIENCE * settings.inference_timeout_s)

        turn = ExitStack()
        turn.enter_context(ranges_at_once.turn())
        pages = answer_ranges(ranges, read, infer)
        return _RangeResponse((b"".join(lines) async for lines in pages), turn.close)

    return router


class _Few:
    """So many at once, and no queue: each range holds windows in memory for as long as its client takes to read."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold a turn for the block.

        Raises:
            OverloadedError: all are taken.
        """
        if self._running >= self._most:
            raise OverloadedError(
                f"{self._running} ranges are being diagnosed already", hint="Try again later.", bottleneck=BOTTLENECK
            )
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


class _RangeResponse(StreamingResponse):
    """The lines of a range; `ended` is called once when they are over, or nobody reads them any more.

    A client that stays and doesn't read is left after `_MOST_STALLED_S`: it would keep its turn from all others.
    """

    media_type = "application/x-ndjson"

    def __init__(self, lines: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        super().__init__(lines)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(_MOST_STALLED_S):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except TimeoutError:
            _log.warning("range cut: its client doesn't read", after_s=_MOST_STALLED_S)
        finally:
            self._ended()


@contextmanager
def _faults_named() -> Iterator[None]:
    """What is wrong with a machine file or a model is said to whoever asked: nobody else would look for it.

    Raises:
        RefusedError: a machine file is wrong (409), or a model is damaged or fails (500).
    """
    try:
        yield
    except ConfigurationError as error:
        raise RefusedError(str(error), status=409, hint=error.hint) from error
    except (BundleError, BackendError, UpdateError) as error:
        _log.error("model can't be used", problem=str(error))
        raise RefusedError(str(error), status=500, hint=error.hint) from error


async def _while_connected(request: Request, work: Awaitable[Result]) -> Result:
    """The result of `work`, which is cancelled when the client leaves before.

    Raises:
        RefusedError: it left.
    """
    result = asyncio.ensure_future(work)
    left = asyncio.ensure_future(request.receive())  # the body was read: what comes now is that the client leaves
    try:
        await asyncio.wait({result, left}, return_when=asyncio.FIRST_COMPLETED)
        if not result.done():
            raise RefusedError("the client left", status=_CLIENT_LEFT)
        return result.result()
    finally:
        result.cancel()
        left.cancel()
