"""Who did what: every act that gives or takes access, rolls a model out or deletes, in the transaction that does it.

What a box sends and what a technician finds is not in here: those rows say themselves when and from whom they came.
"""

from datetime import datetime

import psycopg
from psycopg.rows import class_row
from pydantic import BaseModel

from cloud_sync.cloud.store.queries import load_queries

_QUERIES = load_queries("audit.sql")


class Act(BaseModel):
    """One entry: `act` in words such as "operator create", `subject` whom or what it is about.

    `who` is an operator's name, an account and its host, a box ("agent …"), a one-time token ("token …") or, for what
    servers do by themselves, "centre". `tenant` is null where it is about the centre itself.
    """

    id: int
    at: datetime
    who: str
    act: str
    subject: str
    detail: str
    tenant: str | None


async def note(
    connection: psycopg.AsyncConnection, who: str, act: str, subject: str, detail: str = "", tenant: str | None = None
) -> None:
    """Add an entry; it stands if the transaction does.

    `tenant`: whose machine or operator it is about; by default that of whoever the transaction is limited to.
    """
    values = {"who": who, "act": act, "subject": subject, "detail": detail, "tenant": tenant}
    await connection.execute(_QUERIES["note"], values)


async def newest_acts(connection: psycopg.AsyncConnection, *, limit: int, before: int | None = None) -> list[Act]:
    """The last first."""
    async with connection.cursor(row_factory=class_row(Act)) as cursor:
        await cursor.execute(_QUERIES["acts"], {"limit": limit, "before": before})
        return await cursor.fetchall()
