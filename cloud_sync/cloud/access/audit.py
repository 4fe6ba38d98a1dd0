"""Who did what: every act that gives or takes access, or deletes, in the transaction that does it."""

from datetime import datetime

import psycopg
from psycopg.rows import class_row
from pydantic import BaseModel

from cloud_sync.cloud.store.queries import load_queries

_QUERIES = load_queries("audit.sql")


class Act(BaseModel):
    """One entry: `act` in words such as "operator create", `subject` whom or what it is about."""

    id: int
    at: datetime
    who: str
    act: str
    subject: str
    detail: str


async def note(connection: psycopg.AsyncConnection, who: str, act: str, subject: str, detail: str = "") -> None:
    """Add an entry; it stands if the transaction does."""
    await connection.execute(_QUERIES["note"], {"who": who, "act": act, "subject": subject, "detail": detail})


async def newest_acts(connection: psycopg.AsyncConnection, *, limit: int, before: int | None = None) -> list[Act]:
    """The last first."""
    async with connection.cursor(row_factory=class_row(Act)) as cursor:
        await cursor.execute(_QUERIES["acts"], {"limit": limit, "before": before})
        return await cursor.fetchall()
