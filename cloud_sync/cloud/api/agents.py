"""The boxes, for operators: who is there, in which version, seen when, with a credential until when."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response, Security

from cloud_sync.cloud.access.operators import authorise
from cloud_sync.cloud.api.paging import BeforeTime, Limit, PartName, lead_on
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.store.agents import Agent, find_agent, newest_agents
from cloud_sync.cloud.store.database import Database
from edge_runtime.errors import RefusedError

AgentId = Annotated[str, Path(pattern="^[0-9A-Za-z_-]{1,64}$", description="as `hydrosight-cloud fleet` shows it")]
Revoked = Annotated[bool, Query(description="also those that are refused by now")]


def agent_api(database: Database) -> APIRouter:
    """Routes for boxes; both need a viewer's token."""
    router = APIRouter(prefix="/api/v1/agents", tags=["operators"], dependencies=[Security(PERSON)])

    @router.get("", summary="The boxes, the one that enrolled last first")
    async def agents(
        request: Request,
        response: Response,
        limit: Limit = 100,
        before: BeforeTime = None,
        machine: PartName = None,
        revoked: Revoked = False,
    ) -> list[Agent]:
        async with database.transaction() as connection:
            await authorise(connection, request)
            page = await newest_agents(connection, limit=limit, before=before, machine=machine, revoked=revoked)
        if len(page) >= limit:
            lead_on(request, response, before=page[-1].enrolled_at)
        return page

    @router.get("/{agent}", summary="One box", responses=problems(404))
    async def one_agent(request: Request, agent: AgentId) -> Agent:
        async with database.transaction() as connection:
            await authorise(connection, request)
            found = await find_agent(connection, agent)
        if found is None:
            raise RefusedError(f"there is no box {agent!r}", status=404, hint="GET /api/v1/agents lists them.")
        return found

    return router
