"""Bring rows older than a month into TimescaleDB's aggregates: those of a long outage, or from before it was there.

A continuous aggregate computes only its newest buckets from the rows themselves. The policy of each looks back 30 days,
not further: it would find nothing where retention has dropped the rows, and take that for what was there.
"""

import psycopg

from cloud_sync.cloud.store.migrate import schema_status
from cloud_sync.cloud.store.queries import load_queries

_QUERIES = load_queries("late_aggregates.sql")


async def refresh_late(connection: psycopg.AsyncConnection) -> None:
    """Refresh every continuous aggregate where rows older than a month are; nothing when another server is at it.

    Args:
        connection: in autocommit mode and used for nothing else afterwards: it holds this server's turn and has no
            limit on a statement's time any more.
    """
    if (await schema_status(connection)).hypertables is None:
        return
    if await (await connection.execute(_QUERIES["try_turn"])).fetchone() != (True,):
        return
    await connection.execute(_QUERIES["unlimited"])
    chunks = await (await connection.execute(_QUERIES["old_chunks"])).fetchall()
    for aggregate, start, end in chunks:
        await connection.execute(_QUERIES["refresh"], {"aggregate": aggregate, "start": start, "end": end})
