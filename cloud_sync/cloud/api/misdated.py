"""What boxes with a wrong clock have sent. Latest first by when it came, paged by `before`."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Security
from pydantic import BaseModel

from cloud_sync.cloud.api.paging import MachineName, TimePage, machine_page
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.queries import load_queries

_QUERIES = load_queries("misdated.sql")


class MisdatedAnswer(BaseModel):
    """A window or diagnosis with the time that it says, by a clock that was ahead or behind, and when it came."""

    kind: Literal["window", "diagnosis"]
    start: datetime
    end: datetime
    received: datetime
    clock: Literal["ahead", "behind"]


def misdated_api(database: Database) -> APIRouter:
    """The route for what was set apart; it needs a viewer's token."""
    router = APIRouter(
        prefix="/api/v1/machines", tags=["operators"], dependencies=[Security(PERSON)], responses=problems(404)
    )

    @router.get("/{machine}/misdated", summary="Windows and diagnoses set apart because their time can't be right")
    async def misdated(machine: MachineName, page: Annotated[TimePage, Depends()]) -> list[MisdatedAnswer]:
        return await machine_page(database, page, machine, _QUERIES["misdated"], MisdatedAnswer, by="received")

    return router
