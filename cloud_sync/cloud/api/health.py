"""Whether this server works, for probes, for Prometheus and for people: the process, the database, the schema."""

from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from cloud_sync.cloud.load.turns import Turns
from cloud_sync.cloud.metrics import CONTENT_TYPE, CentreMetrics
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.migrate import migrations


class LiveAnswer(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class ReadyAnswer(BaseModel):
    """Whether work may be sent here; `database` is "up", or what is wrong with it."""

    status: Literal["ready", "not ready"]
    database: str = "up"


class ServerAnswer(BaseModel):
    """One server at a glance.

    Attributes:
        status: "ready" when it takes requests.
        version: of the program.
        schema_version: number of the newest migration that this program knows; a ready server's database has had it.
        database: "up", or what is wrong with it.
        ingests_running: batches that are decoded or written at this moment.
        ingests_waiting: those whose turn hasn't come.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ready",
                    "version": "0.1.0",
                    "schema_version": 7,
                    "database": "up",
                    "ingests_running": 1,
                    "ingests_waiting": 0,
                }
            ]
        }
    )

    status: Literal["ready", "not ready"]
    version: str
    schema_version: int
    database: str
    ingests_running: int
    ingests_waiting: int


def health_api(database: Database, turns: Turns, metrics: CentreMetrics, retry_after_s: int) -> APIRouter:
    """The routes that need no token. A proxy keeps them, but for the boxes' own, from the world."""
    router = APIRouter(tags=["health"])
    not_ready = {"Retry-After": str(retry_after_s)}

    @router.get("/health", summary="The server at a glance", responses={503: {"model": ServerAnswer}})
    async def health(response: Response) -> ServerAnswer:
        await database.check()
        if not database.breaker.closed:
            response.status_code = 503
            response.headers.update(not_ready)
        return ServerAnswer(
            status="ready" if database.breaker.closed else "not ready",
            version=version("hydrosight"),
            schema_version=migrations()[-1].number,
            database="up" if database.breaker.closed else database.breaker.problem,
            ingests_running=turns.running,
            ingests_waiting=turns.waiting,
        )

    @router.get("/health/live", summary="The process runs")
    async def live() -> LiveAnswer:
        return LiveAnswer(status="ok")

    @router.get(
        "/health/ready",
        summary="The database answers and has this server's schema",
        responses={503: {"model": ReadyAnswer}},
    )
    async def ready(response: Response) -> ReadyAnswer:
        await database.check()
        if database.breaker.closed:
            return ReadyAnswer(status="ready")
        response.status_code = 503
        response.headers.update(not_ready)
        return ReadyAnswer(status="not ready", database=database.breaker.problem)

    @router.get(
        "/metrics",
        summary="Prometheus metrics",
        description="Text format. docs/metrics.md names each, with its unit.",
        response_class=Response,
        responses={200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}}},
    )
    async def prometheus() -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    return router
