"""What operators and dashboards plot over weeks and years: health and completeness by hour and by day. Latest first."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Security
from pydantic import BaseModel

from cloud_sync.cloud.api.paging import Entry, MachineName, PartName, WeekPage, machine_page
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.queries import load_queries

_QUERIES = load_queries("history.sql")

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
    router = APIRouter(
        prefix="/api/v1/machines", tags=["operators"], dependencies=[Security(PERSON)], responses=problems(404)
    )

    async def latest(
        page: WeekPage, machine: str, query: str, form: type[Entry], component: str | None = None
    ) -> list[Entry]:
        """Most machines run all the time: a page lies right before the moment asked for."""
        for anywhere in (False, True):
            found = await machine_page(
                database, page, machine, _QUERIES[query], form, component=component, anywhere=anywhere
            )
            if len(found) >= page.limit:
                break
        return found

    @router.get("/{machine}/health", summary="Health of components by hour or day")
    async def health(
        machine: MachineName,
        page: Annotated[WeekPage, Depends()],
        bucket: Bucket = "hour",
        component: PartName = None,
    ) -> list[HealthAnswer]:
        return await latest(page, machine, f"health_by_{bucket}", HealthAnswer, component)

    @router.get("/{machine}/completeness", summary="How much of each hour or day was seen")
    async def completeness(
        machine: MachineName, page: Annotated[WeekPage, Depends()], bucket: Bucket = "hour"
    ) -> list[CompletenessAnswer]:
        return await latest(page, machine, f"completeness_by_{bucket}", CompletenessAnswer)

    return router
