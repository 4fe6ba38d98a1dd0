"""What operators and dashboards call: machines, diagnoses, alerts."""

from datetime import datetime

from fastapi import APIRouter, Request, Response, Security
from pydantic import BaseModel

from cloud_sync.cloud.access.operators import authorise
from cloud_sync.cloud.api.paging import AfterName, BeforeTime, Limit, MachineName, lead_on
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.fleet import MachineStatus, machine_file, read_fleet
from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.alert import Alert
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import RefusedError

_QUERIES = load_queries("read.sql")


class MachineAnswer(BaseModel):
    """One machine, with its machine file as YAML text (empty until its box has enrolled with one)."""

    status: MachineStatus
    machine_file: str


def read_api(database: Database) -> APIRouter:
    """Routes for reading; all need a viewer's token."""
    router = APIRouter(prefix="/api/v1/machines", tags=["operators"], dependencies=[Security(PERSON)])

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
        return await _page(database, request, "diagnoses", machine, limit=limit, before=before)

    @router.get(
        "/{machine}/diagnoses/latest",
        summary="The newest diagnosis",
        response_model=None,
        responses={200: {"model": Diagnosis}, **problems(404)},
    )
    async def latest(request: Request, machine: MachineName) -> Response:
        rows = await _rows(database, request, "diagnoses", machine, limit=1, before=None)
        if not rows:
            raise RefusedError(f"machine {machine!r} has no diagnosis yet", status=404, hint="Is its box running?")
        return Response(rows[0][0], media_type="application/json")

    @router.get(
        "/{machine}/alerts",
        summary="Alerts",
        response_model=None,
        responses={200: {"model": list[Alert]}, **problems(404)},
    )
    async def alerts(
        request: Request, machine: MachineName, limit: Limit = 100, before: BeforeTime = None, standing: bool = False
    ) -> Response:
        return await _page(database, request, "alerts", machine, limit=limit, before=before, standing=standing)

    return router


async def _page(
    database: Database, request: Request, query: str, machine: str, *, limit: int, **values: object
) -> Response:
    """The documents as they were sent: what a newer box says more of isn't lost."""
    rows = await _rows(database, request, query, machine, limit=limit, **values)
    response = Response(f"[{','.join(document for document, _ in rows)}]", media_type="application/json")
    if len(rows) >= limit:
        lead_on(request, response, before=rows[-1][1])
    return response


async def _rows(
    database: Database, request: Request, query: str, machine: str, **values: object
) -> list[tuple[str, datetime]]:
    async with database.transaction() as connection:
        await authorise(connection, request)
        await machine_file(connection, machine)
        cursor = await connection.execute(_QUERIES[query], {"machine": machine, **values})
        return [(row[0], row[1]) for row in await cursor.fetchall()]
