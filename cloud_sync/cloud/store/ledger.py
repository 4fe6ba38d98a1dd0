"""What the centre holds of a machine's readings, by their numbers: its side of the reconciliation with the box."""

from collections.abc import Mapping

import psycopg
from psycopg.rows import TupleRow

from cloud_sync.cloud.store.multiranges import from_multirange, to_multirange
from cloud_sync.cloud.store.queries import load_queries
from cloud_sync.wire import LEDGER_WINDOWS, BootLedger, IncompleteWindow, Ledger, RepeatedReadings
from edge_runtime.errors import RefusedError
from edge_runtime.utc import microseconds

_QUERIES = load_queries("ledger.sql")


async def hold_still(connection: psycopg.AsyncConnection) -> None:
    """What follows in the transaction, which has just begun, is read as of one moment."""
    await connection.execute(_QUERIES["snapshot"])


async def read_ledger(connection: psycopg.AsyncConnection, machine: str) -> Ledger:
    """Everything that is held of a machine. In a transaction that is to be consistent call `hold_still` first.

    Raises:
        RefusedError: there is no such machine (404).
    """
    if not await _rows(connection, "machine", {"machine": machine}):
        raise RefusedError(
            f"there is no machine {machine!r}", status=404, hint="See: GET /api/v1/machines, or hydrosight-cloud fleet"
        )
    about = {"machine": machine, "limit": LEDGER_WINDOWS}
    boots = [
        BootLedger(boot, windows, from_multirange(received), from_multirange(expired), from_multirange(twice))
        for boot, windows, received, expired, twice in await _rows(connection, "boots", about)
    ]
    repeated: list[RepeatedReadings] = []
    for boot in boots:
        if boot.twice:
            about_twice = {**about, "boot": boot.boot, "twice": to_multirange(boot.twice)}
            repeated += [
                RepeatedReadings(boot.boot, microseconds(start), from_multirange(numbers))
                for start, numbers in await _rows(connection, "overlapping", about_twice)
            ]
    doubtful = [(microseconds(start), sensors) for start, sensors in await _rows(connection, "doubtful", about)]
    return Ledger(
        machine,
        tuple(boots),
        incomplete=tuple(IncompleteWindow(start, tuple(sensors)) for start, sensors in doubtful if sensors is not None),
        repeated=tuple(repeated),
        unaccounted_us=tuple(start for start, sensors in doubtful if sensors is None),
    )


async def _rows(connection: psycopg.AsyncConnection, query: str, values: Mapping[str, object]) -> list[TupleRow]:
    return await (await connection.execute(_QUERIES[query], values)).fetchall()
