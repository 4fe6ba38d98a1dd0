"""How what technicians found comes back: labels of machines, over HTTP. What was said last comes first."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response, Security

from cloud_sync.cloud.access.operators import Role, authorise
from cloud_sync.cloud.api.paging import BeforeId, Limit, MachineName, lead_on
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.fields import Moment
from cloud_sync.cloud.store.fleet import machine_file
from cloud_sync.cloud.store.labels import Finding, Label, add_label, newest_labels
from cloud_sync.cloud.store.verdicts import Agreement, Verdict, add_verdict, read_agreement

WindowStart = Annotated[Moment, Path(description="`window_start` of the diagnosis")]


def label_api(database: Database) -> APIRouter:
    """Routes for labels. A viewer reads them; an operator says what was found, and its name is noted with it."""
    router = APIRouter(
        prefix="/api/v1/machines", tags=["operators"], dependencies=[Security(PERSON)], responses=problems(404)
    )

    @router.post("/{machine}/labels", summary="Say what a condition really was", status_code=201)
    async def say(request: Request, machine: MachineName, finding: Finding) -> Label:
        async with database.transaction() as connection:
            operator = await authorise(connection, request, Role.OPERATOR)
            text = await machine_file(connection, machine)
            return await add_label(connection, machine, text, finding, operator.name)

    @router.get("/{machine}/labels", summary="What was said of a machine's conditions")
    async def labels(
        request: Request, response: Response, machine: MachineName, limit: Limit = 100, before: BeforeId = None
    ) -> list[Label]:
        async with database.transaction() as connection:
            await authorise(connection, request)
            await machine_file(connection, machine)
            page = await newest_labels(connection, machine, limit=limit, before=before)
        if len(page) >= limit:
            lead_on(request, response, before=page[-1].id)
        return page

    @router.post(
        "/{machine}/diagnoses/{window_start}/verdicts", summary="Confirm or correct a diagnosis", status_code=201
    )
    async def judge(request: Request, machine: MachineName, window_start: WindowStart, verdict: Verdict) -> Label:
        async with database.transaction() as connection:
            operator = await authorise(connection, request, Role.OPERATOR)
            text = await machine_file(connection, machine)
            return await add_verdict(connection, machine, text, window_start, verdict, operator.name)

    @router.get("/{machine}/agreement", summary="How often people saw what the model saw")
    async def agreement(request: Request, machine: MachineName) -> list[Agreement]:
        async with database.transaction() as connection:
            await authorise(connection, request)
            await machine_file(connection, machine)
            return await read_agreement(connection, machine)

    return router
