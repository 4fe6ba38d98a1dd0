"""What operators ask about times without readings and about the boxes' clocks. Latest first, paged by `before`."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Security
from pydantic import BaseModel

from cloud_sync.cloud.api.paging import MachineName, TimePage, machine_page
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.queries import load_queries

_QUERIES = load_queries("gaps.sql")


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
    router = APIRouter(
        prefix="/api/v1/machines", tags=["operators"], dependencies=[Security(PERSON)], responses=problems(404)
    )

    @router.get("/{machine}/gaps", summary="When there are no readings, and why")
    async def gaps(machine: MachineName, page: Annotated[TimePage, Depends()]) -> list[GapAnswer]:
        return await machine_page(database, page, machine, _QUERIES["gaps"], GapAnswer)

    @router.get("/{machine}/clock-steps", summary="Starts and steps of the box's clock")
    async def clock_steps(machine: MachineName, page: Annotated[TimePage, Depends()]) -> list[ClockStepAnswer]:
        return await machine_page(database, page, machine, _QUERIES["clock_steps"], ClockStepAnswer, by="after")

    return router
