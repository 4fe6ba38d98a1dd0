"""What operators and dashboards call: machines, diagnoses, windows, alerts. Newest first, paged by `before`."""

import math
from datetime import datetime
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, Security
from pydantic import BaseModel

from cloud_sync.cloud.access.operators import authorise
from cloud_sync.cloud.api.paging import BeforeTime, Limit, MachineName, PartName
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.fleet import MachineStatus, machine_file, read_fleet
from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.alert import Alert
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import RefusedError

_QUERIES = load_queries("read.sql")

WindowLimit = Annotated[int, Query(ge=1, le=100)]


class ChannelAnswer(BaseModel):
    """One channel of a window; `values[k]` stands for [start + k·step, start + (k+1)·step), null is a gap."""

    sensor: str
    step_us: int
    values: list[float | None]


class WindowAnswer(BaseModel):
    """One window of a machine."""

    start: datetime
    end: datetime
    channels: list[ChannelAnswer]


class MachineAnswer(BaseModel):
    """One machine, with its machine file as YAML text (empty until its box has enrolled with one)."""

    status: MachineStatus
    machine_file: str


def read_api(database: Database) -> APIRouter:
    """Routes for reading; all need a viewer's token."""
    router = APIRouter(prefix="/api/v1/machines", tags=["operators"], dependencies=[Security(PERSON)])

    @router.get("", summary="All machines at a glance")
    async def machines(request: Request) -> list[MachineStatus]:
        async with database.transaction() as connection:
            await authorise(connection, request)
            return await read_fleet(connection)

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
        return _json_array(await _documents(request, "diagnoses", machine, limit=limit, before=before))

    @router.get(
        "/{machine}/diagnoses/latest",
        summary="The newest diagnosis",
        response_model=None,
        responses={200: {"model": Diagnosis}, **problems(404)},
    )
    async def latest(request: Request, machine: MachineName) -> Response:
        documents = await _documents(request, "diagnoses", machine, limit=1, before=None)
        if not documents:
            raise RefusedError(f"machine {machine!r} has no diagnosis yet", status=404, hint="Is its box running?")
        return Response(documents[0], media_type="application/json")

    @router.get(
        "/{machine}/alerts",
        summary="Alerts",
        response_model=None,
        responses={200: {"model": list[Alert]}, **problems(404)},
    )
    async def alerts(request: Request, machine: MachineName, limit: Limit = 100, standing: bool = False) -> Response:
        return _json_array(await _documents(request, "alerts", machine, limit=limit, standing=standing))

    @router.get("/{machine}/windows", summary="Windows with their samples", responses=problems(404))
    async def windows(
        request: Request,
        machine: MachineName,
        limit: WindowLimit = 10,
        before: BeforeTime = None,
        sensor: PartName = None,
    ) -> list[WindowAnswer]:
        values = {"machine": machine, "limit": limit, "before": before, "sensor": sensor}
        async with database.transaction() as connection:
            await authorise(connection, request)
            await machine_file(connection, machine)
            async with connection.cursor(binary=True) as cursor:
                await cursor.execute(_QUERIES["windows"], values)
                rows = await cursor.fetchall()
        return [
            WindowAnswer(
                start=start,
                end=end,
                channels=[
                    ChannelAnswer(
                        sensor=name,
                        step_us=step_us,
                        values=[float(value) if math.isfinite(value) else None for value in v],
                    )
                    for _, _, name, step_us, v in channels
                ],
            )
            for (start, end), channels in groupby(rows, key=lambda row: (row[0], row[1]))
        ]

    async def _documents(request: Request, query: str, machine: str, **values: object) -> list[str]:
        async with database.transaction() as connection:
            await authorise(connection, request)
            await machine_file(connection, machine)
            cursor = await connection.execute(_QUERIES[query], {"machine": machine, **values})
            return [row[0] for row in await cursor.fetchall()]

    return router


def _json_array(documents: list[str]) -> Response:
    """The documents as they were sent: what a newer box says more of isn't lost."""
    return Response(f"[{','.join(documents)}]", media_type="application/json")
