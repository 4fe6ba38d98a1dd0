"""Lists over HTTP, a page at a time, the newest first: a page begins before the last entry of the one before."""

from typing import Annotated, TypeVar

from fastapi import Path, Query, Request
from psycopg.rows import class_row

from cloud_sync.cloud.access.operators import authorise
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.fields import Moment
from cloud_sync.cloud.store.fleet import machine_file
from edge_runtime.machine import Name

MachineName = Annotated[Name, Path(description="as in its machine file", examples=["press-7"])]
PartName = Annotated[Name | None, Query(description="only this one")]
Limit = Annotated[int, Query(ge=1, le=1000)]
BeforeTime = Annotated[Moment | None, Query(description="only what starts before this, exclusive")]
BeforeId = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="only those with a smaller id, exclusive")]

Entry = TypeVar("Entry")


async def machine_page(
    database: Database, request: Request, machine: str, statement: bytes, form: type[Entry], **values: object
) -> list[Entry]:
    """What `statement` finds of a machine, for whoever may read.

    Raises:
        RefusedError: the request has no token that is in force (401), or there is no such machine (404).
    """
    async with database.transaction() as connection:
        await authorise(connection, request)
        await machine_file(connection, machine)
        async with connection.cursor(row_factory=class_row(form)) as cursor:
            await cursor.execute(statement, {"machine": machine, **values})
            return await cursor.fetchall()
