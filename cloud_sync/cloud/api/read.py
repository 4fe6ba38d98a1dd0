"""What operators and dashboards call: machines, diagnoses, alerts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
from fastapi import APIRouter, Request, Response, Security
from pydantic import BaseModel

from cloud_sync.cloud.access.operators import authorise
from cloud_sync.cloud.api.paging import AfterName, BeforeTime, Limit, MachineName, lead_on
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.fleet import MachineStatus, machine_file, read_fleet
from cloud_sync.cloud.store.sent_documents import SentDocument, sent_alerts, sent_diagnoses
from edge_runtime.alert import Alert
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import RefusedError


class MachineAnswer(BaseModel):
    """One machine, with its machine file as YAML text (empty until its box has enrolled with one)."""

    status: MachineStatus
    machine_file: str


def read_api(database: Database) -> APIRouter:
    """Routes for reading; all need a viewer's token."""
    router = APIRouter(prefix="/api/v1/machines", tags=["operators"], dependencies=[Security(PERSON)])

    @asynccontextmanager
    async def reading(request: Request, machine: str) -> AsyncIterator[psycopg.AsyncConnection]:
        async with database.transaction() as connection:
            await authorise(connection, request)
            await machine_file(connection, machine)
            yield connection

    @router.get("", summary="All machines at a glance, by name")
    async def machines(
        request: Request, response: Response, limit: Limit = 1000, after: AfterName = None
    ) -> list[MachineStatus]:
        async with database.transaction() as connection:
            await authorise(connection, request)
            page = await read_fleet(connection, after=after, limit=limit)
        if len(page) >= limit:
            lead_on(request, response, after=page[-1].machine)
        return page

    @router.get("/{machine}", summary="One machine", responses=problems(404))
    async def one_machine(request: Request, machine: MachineName) -> MachineAnswer:
        async with database.transaction() as connection:
            await authorise(connection, request)
            text = await machine_file(connection, machine)
            return MachineAnswer(status=(await read_fleet(connection, machine))[0], machine_file=text)

    @router.get(
        "/{machine}/diagnoses",
        summary="Diagnoses",
        response_model=None,
        responses={200: {"model": list[Diagnosis]}, **problems(404)},
    )
    async def diagnoses(
        request: Request, machine: MachineName, limit: Limit = 100, before: BeforeTime = None
    ) -> Response:
        async with reading(request, machine) as connection:
            return _page(request, await sent_diagnoses(connection, machine, limit=limit, before=before), limit)

    @router.get(
        "/{machine}/diagnoses/latest",
        summary="The newest diagnosis",
        response_model=None,
        responses={200: {"model": Diagnosis}, **problems(404)},
    )
    async def latest(request: Request, machine: MachineName) -> Response:
        async with reading(request, machine) as connection:
            newest = await sent_diagnoses(connection, machine, limit=1)
        if not newest:
            raise RefusedError(f"machine {machine!r} has no diagnosis yet", status=404, hint="Is its box running?")
        return Response(newest[0].text, media_type="application/json")

    @router.get(
        "/{machine}/alerts",
        summary="Alerts",
        response_model=None,
        responses={200: {"model": list[Alert]}, **problems(404)},
    )
    async def alerts(
        request: Request, machine: MachineName, limit: Limit = 100, before: BeforeTime = None, standing: bool = False
    ) -> Response:
        async with reading(request, machine) as connection:
            found = await sent_alerts(connection, machine, limit=limit, before=before, standing=standing)
            return _page(request, found, limit)

    return router


def _page(request: Request, documents: Sequence[SentDocument], limit: int) -> Response:
    response = Response(f"[{','.join(document.text for document in documents)}]", media_type="application/json")
    if len(documents) >= limit:
        lead_on(request, response, before=documents[-1].place)
    return response
