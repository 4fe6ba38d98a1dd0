"""What operators and dashboards plot over weeks and years: health and completeness by hour and by day. Latest first."""

from datetime import datetime
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Query, Request
from psycopg.rows import class_row
from pydantic import BaseModel

from cloud_sync.cloud.database import Database
from cloud_sync.cloud.operators import authorise
from cloud_sync.cloud.queries import load_queries
from cloud_sync.cloud.read_api import Before, Limit, machine_file

_QUERIES = load_queries("history.sql")

Entry = TypeVar("Entry", bound=BaseModel)
Bucket = Annotated[Literal["hour", "day"], Query(description="how long a time each entry is about; days are UTC's")]


class HealthAnswer(BaseModel):
    """A component in one hour or day: `judged` of `windows` diagnoses gave it a health, the others abstained."""

    component: str
    start: datetime
    mean_health: float | None
    least_health: float | None
    judged: int
    windows: int


class CompletenessAnswer(BaseModel):
    """A machine in one hour or day: seconds that diagnosed windows cover, and how much of the readings they had."""

    start: datetime
    windows: int
    covered_s: float
    mean_completeness: float
    least_completeness: float


def history_api(database: Database) -> APIRouter:
    """Routes for aggregates; both need a viewer's token."""

    async def read(query: str, form: type[Entry], request: Request, machine: str, **values: object) -> list[Entry]:
        async with database.transaction() as connection:
            await authorise(connection, request)
            await machine_file(connection, machine)
            async with connection.cursor(row_factory=class_row(form)) as cursor:
                await cursor.execute(_QUERIES[query], {"machine": machine, **values})
                return await cursor.fetchall()

    router = APIRouter(prefix="/api/v1/machines", tags=["operators"])

    @router.get("/{machine}/health", summary="Health of components by hour or day")
    async def health(
        request: Request,
        machine: str,
        bucket: Bucket = "hour",
        component: str | None = None,
        limit: Limit = 168,
        before: Before = None,
    ) -> list[HealthAnswer]:
        query = f"health_by_{bucket}"
        return await read(query, HealthAnswer, request, machine, component=component, limit=limit, before=before)

    @router.get("/{machine}/completeness", summary="How much of each hour or day was seen")
    async def completeness(
        request: Request, machine: str, bucket: Bucket = "hour", limit: Limit = 168, before: Before = None
    ) -> list[CompletenessAnswer]:
        query = f"completeness_by_{bucket}"
        return await read(query, CompletenessAnswer, request, machine, limit=limit, before=before)

    return router
