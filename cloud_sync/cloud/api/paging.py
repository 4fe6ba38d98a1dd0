"""Lists over HTTP, a page at a time: newest first, or by name where there is no time.

A page begins after the last entry of the one before. Where there may be more, `Link: <…>; rel="next"` (RFC 8288) leads
there; whoever follows it needs to know nothing else.
"""

from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Path, Query, Request, Response
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
AfterName = Annotated[Name | None, Query(description="only those whose name comes after this")]

Entry = TypeVar("Entry")


class TimePage:
    """What part of a list by time is asked for: `limit` entries, those before `before`."""

    def __init__(self, request: Request, response: Response, limit: Limit = 100, before: BeforeTime = None) -> None:
        self.request, self.response, self.limit, self.before = request, response, limit, before


class WeekPage(TimePage):
    """The same for hours, a week of them."""

    def __init__(self, request: Request, response: Response, limit: Limit = 168, before: BeforeTime = None) -> None:
        super().__init__(request, response, limit, before)


async def machine_page(
    database: Database,
    page: TimePage,
    machine: str,
    statement: bytes,
    form: type[Entry],
    *,
    by: str = "start",
    **values: object,
) -> list[Entry]:
    """What `statement` finds of a machine, for whoever may read; `by` is the field that the next page is `before`.

    Raises:
        RefusedError: the request has no token that is in force (401), or there is no such machine (404).
    """
    async with database.transaction() as connection:
        await authorise(connection, page.request)
        await machine_file(connection, machine)
        async with connection.cursor(row_factory=class_row(form)) as cursor:
            asked = {"machine": machine, "limit": page.limit, "before": page.before, **values}
            await cursor.execute(statement, asked)
            entries = await cursor.fetchall()
    if len(entries) >= page.limit:
        lead_on(page.request, page.response, before=getattr(entries[-1], by))
    return entries


def lead_on(request: Request, response: Response, **following: datetime | int | str) -> None:
    """Say where the next page is: the same request with `following` in it."""
    values = {name: one.isoformat() if isinstance(one, datetime) else one for name, one in following.items()}
    after = request.url.include_query_params(**values)
    response.headers["Link"] = f'<{after.path}?{after.query}>; rel="next"'
