"""/api/v1/admin/rollouts: how roll-outs stand, and what becomes of them. A viewer looks, an admin acts.

Roll-outs reach machines of all tenants: both must be of the whole centre.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path as FilePath
from typing import Annotated

import psycopg
from fastapi import APIRouter, Path, Query, Request, Security
from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.cloud.access.operators import Role, authorise
from cloud_sync.cloud.api.models import published
from cloud_sync.cloud.api.paging import Limit
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.rollout import acts, store
from cloud_sync.cloud.rollout.compare import Comparison, compare
from cloud_sync.cloud.rollout.plan import Rollout
from cloud_sync.cloud.rollout.status import RolloutStatus, status_of
from cloud_sync.cloud.store.database import Database
from edge_runtime.manifest import Version

Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="of the roll-out")]
Hours = Annotated[float, Query(gt=0, le=24 * 90, description="how far to look back; less on a large fleet")]
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Advance(_Body):
    """`anyway`: why the next wave is to open whatever stands against it."""

    anyway: Reason | None = None


class Pause(_Body):
    """Why."""

    reason: Reason


class RollBack(_Body):
    """Why; and which version all machines get instead, a higher release with the old content."""

    reason: Reason
    to: Version | None = None


def rollout_api(database: Database, repository: FilePath | None) -> APIRouter:
    """Routes for roll-outs. `repository` is that of the signed models."""
    router = APIRouter(prefix="/api/v1/admin/rollouts", tags=["admins"], dependencies=[Security(PERSON)])

    @asynccontextmanager
    async def acting(request: Request, number: int) -> AsyncIterator[tuple[psycopg.AsyncConnection, Rollout, str]]:
        async with database.transaction() as connection:
            admin = await authorise(connection, request, Role.ADMIN, of_centre=True)
            yield connection, await store.locked(connection, number), admin.name

    @router.get("", summary="Roll-outs, the latest first")
    async def rollouts(request: Request, limit: Limit = 100) -> list[Rollout]:
        async with database.transaction() as connection:
            await authorise(connection, request, of_centre=True)
            return await store.newest(connection, limit=limit)

    @router.get("/{number}", summary="One roll-out: its machines, and what stands against it",
                responses=problems(404))  # fmt: skip
    async def status(request: Request, number: Number) -> RolloutStatus:
        async with database.transaction() as connection:
            await authorise(connection, request, of_centre=True)
            return await status_of(connection, await store.find(connection, number))

    @router.get(
        "/{number}/comparison", summary="Its version beside the others that ran meanwhile", responses=problems(404)
    )
    async def comparison(request: Request, number: Number, hours: Hours = 24) -> Comparison:
        async with database.transaction() as connection:
            await authorise(connection, request, of_centre=True)
            return await compare(connection, await store.find(connection, number), timedelta(hours=hours))

    @router.post("/{number}/activate", summary="Begin with a planned roll-out, or go on with a paused one",
                 responses=problems(404, 409))  # fmt: skip
    async def activate(request: Request, number: Number) -> Rollout:
        async with acting(request, number) as (connection, rollout, who):
            return await acts.activate(connection, rollout, who)

    @router.post("/{number}/advance", summary="Open the next wave, unless something stands against it",
                 responses=problems(404, 409))  # fmt: skip
    async def advance(request: Request, number: Number, how: Advance) -> Rollout:
        async with acting(request, number) as (connection, rollout, who):
            return await acts.advance(connection, rollout, who, anyway=how.anyway or "")

    @router.post("/{number}/pause", summary="Let no further box begin with it", responses=problems(404, 409))
    async def pause(request: Request, number: Number, why: Pause) -> Rollout:
        async with acting(request, number) as (connection, rollout, who):
            return await acts.pause(connection, rollout, who, why.reason)

    @router.post("/{number}/roll-back", summary="Offer it to nobody any more, and another version to all",
                 responses=problems(404, 409))  # fmt: skip
    async def roll_back(request: Request, number: Number, why: RollBack) -> Rollout:
        async with acting(request, number) as (connection, rollout, who):
            return await acts.roll_back(
                connection, rollout, await published(repository) if why.to else [], who, reason=why.reason, to=why.to
            )

    return router
