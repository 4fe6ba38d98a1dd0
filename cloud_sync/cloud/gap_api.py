"""What operators ask about times without readings and about the boxes' clocks. Latest first, paged by `before`."""

from datetime import datetime
from typing import TypeVar

from fastapi import APIRouter, Request
from psycopg.rows import class_row
from pydantic import BaseModel

from cloud_sync.cloud.database import Database
from cloud_sync.cloud.operators import authorise
from cloud_sync.cloud.queries import load_queries
from cloud_sync.cloud.read_api import Before, Limit, machine_file

_QUERIES = load_queries("gaps.sql")

Entry = TypeVar("Entry", bound=BaseModel)


class GapAnswer(BaseModel):
    """A time, over now, without readings of some sensors, or of all where none is named, by the box's clock."""

    boot: str
    number: int
    start: datetime
    end: datetime
    cause: str
    source: str
    sensors: list[str]
    lost: int
    detail: str


class ClockStepAnswer(BaseModel):
    """A start of a box's agent, a step of its clock, or a change in how far that was trusted."""

    boot: str
    number: int
    counter: int
    wall: datetime
    before: datetime
    after: datetime
    state_before: str
    state_after: str


def gap_api(database: Database) -> APIRouter:
    """Routes for the ledgers of gaps and of clocks; both need a viewer's token."""

    async def read(
        query: str, form: type[Entry], request: Request, machine: str, limit: int, before: datetime | None
    ) -> list[Entry]:
        async with database.transaction() as connection:
            await authorise(connection, request)
            await machine_file(connection, machine)
            async with connection.cursor(row_factory=class_row(form)) as cursor:
                await cursor.execute(_QUERIES[query], {"machine": machine, "limit": limit, "before": before})
                return await cursor.fetchall()

    router = APIRouter(prefix="/api/v1/machines", tags=["operators"])

    @router.get("/{machine}/gaps", summary="When there are no readings, and why")
    async def gaps(request: Request, machine: str, limit: Limit = 100, before: Before = None) -> list[GapAnswer]:
        return await read("gaps", GapAnswer, request, machine, limit, before)

    @router.get("/{machine}/clock-steps", summary="Starts and steps of the box's clock")
    async def clock_steps(
        request: Request, machine: str, limit: Limit = 100, before: Before = None
    ) -> list[ClockStepAnswer]:
        return await read("clock_steps", ClockStepAnswer, request, machine, limit, before)

    return router
