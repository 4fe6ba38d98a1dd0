"""Delete what is older than the settings keep: chunks where there are hypertables, else rows, some at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import structlog

from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.late_aggregates import refresh_late
from cloud_sync.cloud.store.migrate import schema_status
from cloud_sync.cloud.store.queries import load_queries

PRUNE_EVERY_S = 3600.0
ROWS_AT_ONCE = 5_000

_QUERIES = load_queries("retention.sql")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted of a table.

    Attributes:
        table: its name.
        count: how many chunks or rows.
        unit: "chunks" or "rows".
    """

    table: str
    count: int
    unit: str


async def prune(
    connection: psycopg.AsyncConnection, settings: CloudSettings, *, rows_at_once: int = ROWS_AT_ONCE
) -> tuple[Pruned, ...]:
    """Delete what is too old, in short transactions; nothing when another server is at it.

    Args:
        connection: in autocommit mode, to a database with this program's schema.
        settings: how long to keep what.
        rows_at_once: of one transaction, where a table is a plain one.

    Returns:
        By table, without those that lost nothing.
    """
    hypertables = (await schema_status(connection)).hypertables or ()
    done = []
    for table, age in _limits(settings):
        if table in hypertables:
            count, unit = await _turn(connection, "drop_chunks", table=table, age=age), "chunks"
        else:
            count, unit = 0, "rows"
            while some := await _turn(connection, f"delete_{table}", age=age, some=rows_at_once):
                count += some
        if count:
            done.append(Pruned(table, count, unit))
    return tuple(done)


async def prune_and_log(settings: CloudSettings, connection: psycopg.AsyncConnection) -> None:
    """Delete what is too old, as a server does by itself, and say so in the log; then aggregate what came late.

    In this order: rows older than what is kept must not stand for all that was aggregated of their time.
    """
    for item in await prune(connection, settings):
        _log.info("pruned", table=item.table, count=item.count, unit=item.unit)
    await refresh_late(connection)


def _limits(settings: CloudSettings) -> Iterator[tuple[str, timedelta]]:
    kept = (settings.keep_windows_days, settings.keep_diagnoses_days)
    longest = max(kept) if all(kept) else 0
    for table, days in (
        ("windows", settings.keep_windows_days),
        ("diagnoses", settings.keep_diagnoses_days),
        ("component_diagnoses", settings.keep_diagnoses_days),
        ("alerts", settings.keep_alerts_days),
        ("unknown_fields", longest),
        ("misdated_records", longest),
        ("receipts", settings.keep_receipts_days),
    ):
        if days:
            yield table, timedelta(days=days)


async def _turn(connection: psycopg.AsyncConnection, query: str, **values: object) -> int:
    """One statement in its own transaction; 0 when another server has its turn."""
    async with connection.transaction():
        turn = await (await connection.execute(_QUERIES["try_turn"])).fetchone()
        if turn != (True,):
            return 0
        return (await connection.execute(_QUERIES[query], values)).rowcount
