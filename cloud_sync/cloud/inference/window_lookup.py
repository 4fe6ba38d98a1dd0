"""The windows of the database, as inference takes them. On the connection of whoever was authorised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import psycopg

from cloud_sync.cloud.inference.job import StoredWindow
from cloud_sync.cloud.store.fleet import machine_file
from cloud_sync.cloud.store.latest_windows import latest_windows
from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.errors import RefusedError
from edge_runtime.utc import microseconds

_QUERIES = load_queries("inference.sql")


@dataclass(frozen=True, slots=True)
class FoundWindow:
    """A window, and the version of the machine's own baseline that its box used; see `Job`."""

    window: StoredWindow
    box_baseline: int | None


async def known_machine_file(connection: psycopg.AsyncConnection, machine: str) -> str:
    """The machine file.

    Raises:
        RefusedError: there is no such machine (404), or its box brought no machine file (409).
    """
    text = await machine_file(connection, machine)
    if not text:
        raise RefusedError(
            f"the machine file of {machine!r} isn't here",
            status=409,
            hint=f"Enrol its box again, it brings the file: hydrosight-cloud enroll {machine}",
        )
    return text


async def window_at(connection: psycopg.AsyncConnection, machine: str, time: datetime | None) -> FoundWindow:
    """The window that holds a moment, or the newest one.

    Raises:
        RefusedError: there is none (404).
    """
    before = None if time is None else time + timedelta(microseconds=1)
    found = await _found(connection, machine, await latest_windows(connection, machine, 1, before=before))
    if found and (time is None or microseconds(time) < found[0].window.end_us):
        return found[0]
    raise RefusedError(
        f"machine {machine!r} has no window" + ("" if time is None else f" at {time.isoformat()}"),
        status=404,
        hint=f"GET /api/v1/machines/{machine}/windows shows the newest that there are.",
    )


async def window_page(
    connection: psycopg.AsyncConnection, machine: str, since: datetime, until: datetime, rows: int
) -> list[FoundWindow]:
    """The first windows of a span of time, in order: as many as are whole in its first `rows` rows; none at its end."""
    read = await _rows(connection, "window_page", machine=machine, since=since, until=until, rows=rows)
    if len(read) == rows and read[0][0] != read[-1][0]:
        read = [row for row in read if row[0] != read[-1][0]]
    return await _found(connection, machine, read)


async def _rows(connection: psycopg.AsyncConnection, query: str, **values: object) -> list[tuple[Any, ...]]:
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_QUERIES[query], values)
        return await cursor.fetchall()


async def _found(
    connection: psycopg.AsyncConnection, machine: str, rows: Sequence[tuple[Any, ...]]
) -> list[FoundWindow]:
    """The windows of these rows, which come in order of time."""
    if not rows:
        return []
    span = {"first": rows[0][0], "last": rows[-1][0]}
    baselines: dict[datetime, int] = dict(await _rows(connection, "box_baselines", machine=machine, **span))
    found = []
    for (start, end), channels in groupby(rows, key=lambda row: (row[0], row[1])):
        signals = {sensor: (step_us, samples) for _, _, sensor, step_us, samples in channels}
        window = StoredWindow(machine, microseconds(start), microseconds(end), signals)
        found.append(FoundWindow(window, baselines.get(start)))
    return found
