"""How what technicians found comes back: labels of machines, over HTTP. What was said last comes first."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from cloud_sync.cloud import access
from cloud_sync.cloud.database import Database
from cloud_sync.cloud.labels import Finding, Label, add_label, newest_labels
from cloud_sync.cloud.read_api import Limit, machine_file
from cloud_sync.cloud.secret import bearer

Before = Annotated[int | None, Query(ge=0, description="only those with a smaller id, exclusive")]


def label_api(database: Database) -> APIRouter:
    """Routes for labels; both need an operator's token, whose name is noted with what it says."""
    router = APIRouter(prefix="/api/v1/machines", tags=["operators"])

    @router.post("/{machine}/labels", summary="Say what a condition really was", status_code=201)
    async def say(request: Request, machine: str, finding: Finding) -> Label:
        async with database.transaction() as connection:
            said_by = await access.authenticate_operator(connection, bearer(request.headers.get("authorization")))
            text = await machine_file(connection, machine)
            return await add_label(connection, machine, text, finding, said_by)

    @router.get("/{machine}/labels", summary="What was said of a machine's conditions")
    async def labels(request: Request, machine: str, limit: Limit = 100, before: Before = None) -> list[Label]:
        async with database.transaction() as connection:
            await access.authenticate_operator(connection, bearer(request.headers.get("authorization")))
            await machine_file(connection, machine)
            return await newest_labels(connection, machine, limit=limit, before=before)

    return router
