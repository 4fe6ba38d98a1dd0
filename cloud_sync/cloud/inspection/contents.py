"""Whether what is stored fits together, and how much room it takes."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow, class_row

from cloud_sync.cloud.inspection.finding import Finding, failure, fine, some_of, warning
from cloud_sync.cloud.store.queries import load_queries

_QUERIES = load_queries("inspection.sql")


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table with its indexes and chunks.

    Attributes:
        rows: about how many.
        chunks: 0 for a plain table.
    """

    table: str
    bytes: int
    rows: int
    chunks: int


async def check_contents(connection: psycopg.AsyncConnection, *, with_timescale: bool) -> list[Finding]:
    """Look at indexes, jobs, rows and sizes. Of large tables only indexes and the newest days are read."""
    found = [await _invalid_indexes(connection)]
    if with_timescale:
        found += await _failed_jobs(connection)
    found += [
        _of_machines(
            await _rows(connection, "incomplete_windows"),
            "windows of the last two days lack channels",
            "every window of the last two days is whole",
            "Rows were deleted or lost. On each box: hydrosight sync reconcile --resend",
        ),
        _of_machines(
            await _rows(connection, "fewer_than_received"),
            "windows were received in the last day, and none is here",
            "what was received in the last day is here",
            "Rows were deleted or lost. On each box: hydrosight sync reconcile --resend",
        ),
        _of_machines(
            await _rows(connection, "in_the_future"),
            "rows lie more than a day ahead of now",
            "nothing lies ahead of now",
            "The box's clock was wrong: hydrosight-cloud fleet says how far. Delete the rows once it is right.",
        ),
        _of_machines(
            await _rows(connection, "without_box"),
            "no box is enrolled",
            "every machine has its box",
            "hydrosight-cloud enroll MACHINE, or leave it: a machine that is gone keeps its history.",
        ),
    ]
    return [*found, *await _sizes(connection, with_timescale=with_timescale)]


async def _invalid_indexes(connection: psycopg.AsyncConnection) -> Finding:
    names = [str(row[0]) for row in await _rows(connection, "invalid_indexes")]
    if not names:
        return fine("index", "every index is valid")
    return failure("index", f"not valid: {some_of(names)}", f"REINDEX INDEX CONCURRENTLY {names[0]}")


async def _failed_jobs(connection: psycopg.AsyncConnection) -> list[Finding]:
    jobs = await _rows(connection, "failed_jobs")
    if not jobs:
        return [fine("jobs", "no job of TimescaleDB failed last time")]
    return [
        warning(
            "jobs",
            f"{name} failed, {failures} times so far: {message or 'no message'}",
            f"Run it in the database: CALL run_job({job}). Why all may fail: docs/cloud.md, Keep it healthy.",
        )
        for job, name, failures, message in jobs
    ]


def _of_machines(rows: Sequence[TupleRow], what: str, otherwise: str, remedy: str) -> Finding:
    """A finding about machines, the first column of `rows`."""
    if not rows:
        return fine("data", otherwise)
    return warning("data", f"{what}: {some_of([str(row[0]) for row in rows])}", remedy)


async def _sizes(connection: psycopg.AsyncConnection, *, with_timescale: bool) -> list[Finding]:
    sizes = {size.table: size for size in await _table_sizes(connection, "sizes")}
    if with_timescale:
        sizes |= {size.table: size for size in await _table_sizes(connection, "hypertable_sizes")}
    largest = sorted(sizes.values(), key=lambda size: size.bytes, reverse=True)[:4]
    listed = ", ".join(
        f"{size.table} {_bytes(size.bytes)}{f' in {size.chunks} chunks' if size.chunks else ''}" for size in largest
    )
    found = [fine("size", f"{_bytes(sum(size.bytes for size in sizes.values()))}: {listed}")]
    windows = sizes.get("windows")
    width = (await _rows(connection, "samples_a_row"))[0][0]
    if windows is not None and width:
        rows = windows.rows or (await _rows(connection, "count_windows"))[0][0]
        found.append(fine("size", f"windows take {windows.bytes / (width * rows):.2f} bytes a sample"))
    return found


async def _table_sizes(connection: psycopg.AsyncConnection, query: str) -> list[TableSize]:
    async with connection.cursor(row_factory=class_row(TableSize)) as cursor:
        await cursor.execute(_QUERIES[query])
        return await cursor.fetchall()


async def _rows(connection: psycopg.AsyncConnection, query: str) -> list[TupleRow]:
    return await (await connection.execute(_QUERIES[query])).fetchall()


def _bytes(count: int) -> str:
    for size, unit in ((2**30, "GiB"), (2**20, "MiB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 2**10:.0f} KiB"
