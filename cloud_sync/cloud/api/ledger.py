"""What the centre holds of readings, by their numbers: for the box that asks, and for operators of any machine."""

import msgspec
from fastapi import APIRouter, Request, Response, Security

from cloud_sync.cloud.access import credentials
from cloud_sync.cloud.access.operators import authorise
from cloud_sync.cloud.access.scope import BoxScope, OperatorScope
from cloud_sync.cloud.access.secret import bearer
from cloud_sync.cloud.api.openapi import message
from cloud_sync.cloud.api.paging import MachineName
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import BOX, PERSON
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.ledger import hold_still, read_ledger
from cloud_sync.wire import Ledger


def ledger_api(database: Database) -> APIRouter:
    """The routes of the ledger."""
    router = APIRouter(prefix="/api/v1")

    @router.get(
        "/ledger",
        tags=["boxes"],
        summary="Which of the box's readings are here, and which twice",
        response_model=None,
        responses={200: {"content": message(Ledger)}},
        dependencies=[Security(BOX)],
    )
    async def own(request: Request) -> Response:
        async with database.transaction() as connection:
            identity = await credentials.authenticate(connection, bearer(request.headers.get("authorization")))
        return await _answer(identity.machine, identity.scope)

    @router.get(
        "/machines/{machine}/ledger",
        tags=["operators"],
        summary="Which readings of its box are here, and which twice",
        response_model=None,
        responses={200: {"content": message(Ledger)}, **problems(404)},
        dependencies=[Security(PERSON)],
    )
    async def of_machine(request: Request, machine: MachineName) -> Response:
        async with database.transaction() as connection:
            operator = await authorise(connection, request)
        return await _answer(machine, operator.scope)

    async def _answer(machine: str, scope: BoxScope | OperatorScope) -> Response:
        async with database.transaction() as connection:
            await hold_still(connection)
            await scope.enter(connection)
            ledger = await read_ledger(connection, machine)
        return Response(msgspec.json.encode(ledger), media_type="application/json")

    return router
