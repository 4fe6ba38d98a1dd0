"""A machine's latest windows. Statements name the times that they are about, to spare the planner all other chunks."""

from datetime import datetime
from typing import NamedTuple

import psycopg

from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.window import Float32Array

_QUERIES = load_queries("latest_windows.sql")


class ChannelRow(NamedTuple):
    """One channel of a window; `samples[k]` stands for [start + k·step, start + (k+1)·step), NaN is a gap."""

    start: datetime
    end: datetime
    sensor: str
    step_us: int
    samples: Float32Array


async def latest_windows(
    connection: psycopg.AsyncConnection,
    machine: str,
    limit: int,
    *,
    before: datetime | None = None,
    sensor: str | None = None,
) -> list[ChannelRow]:
    """All channels, or one, of the latest `limit` windows that begin before a moment; latest first, by sensor.

    Args:
        connection: in a transaction, prepared for arrays (`register_arrays`).
        machine: its name; one that isn't known has no windows.
        limit: how many windows.
        before: exclusive; None for the newest.
        sensor: the only one to read.
    """
    async with connection.cursor(binary=True) as cursor:
        near = await (await cursor.execute(_QUERIES["near"], {"before": before})).fetchone()
        assert near is not None  # noqa: S101  a SELECT without FROM has one row
        starts: list[datetime] = []
        for since in (near[0], None):
            asked = {"machine": machine, "since": since, "before": before, "limit": limit}
            starts = [start for (start,) in await (await cursor.execute(_QUERIES["starts"], asked)).fetchall()]
            if len(starts) == limit:
                break
        if not starts:
            return []
        span = {"machine": machine, "first": starts[-1], "last": starts[0], "sensor": sensor}
        return [ChannelRow(*row) for row in await (await cursor.execute(_QUERIES["channels"], span)).fetchall()]
