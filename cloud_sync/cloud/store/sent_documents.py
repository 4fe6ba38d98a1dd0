"""Diagnoses and alerts of a machine as its box sent them: what a newer box says more of isn't lost."""

from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg.rows import class_row

from cloud_sync.cloud.store.queries import load_queries

_QUERIES = load_queries("read.sql")


class SentDocument(NamedTuple):
    """A JSON document, and where it stands in time: that of the last one on a page leads to the next."""

    text: str
    place: datetime


async def sent_diagnoses(
    connection: psycopg.AsyncConnection, machine: str, *, limit: int, before: datetime | None = None
) -> list[SentDocument]:
    """The newest first; `before` is exclusive, of the start of their windows."""
    return await _read(connection, "diagnoses", machine=machine, limit=limit, before=before)


async def sent_alerts(
    connection: psycopg.AsyncConnection,
    machine: str,
    *,
    limit: int,
    before: datetime | None = None,
    standing: bool = False,
) -> list[SentDocument]:
    """Each in its newest state, the latest first; with `standing` without those that are cleared.

    More than `limit` where several came at once.
    """
    return await _read(connection, "alerts", machine=machine, limit=limit, before=before, standing=standing)


async def _read(connection: psycopg.AsyncConnection, query: str, **values: object) -> list[SentDocument]:
    async with connection.cursor(row_factory=class_row(SentDocument)) as cursor:
        await cursor.execute(_QUERIES[query], values)
        return await cursor.fetchall()
