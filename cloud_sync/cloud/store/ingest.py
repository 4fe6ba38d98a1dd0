"""A batch into the database, once. What is acknowledged is committed and on disk.

The receipt is written first: a batch that has one is a duplicate, whichever server took it. Rows are unique by what
they are about as well, so even a batch that a box seals anew (its store was restored, or it was enrolled again) adds
only what is missing. Together: at least once on the wire, exactly once in the tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import psycopg

from cloud_sync.box_time import BoxTime
from cloud_sync.cloud.access.credentials import AgentIdentity
from cloud_sync.cloud.store.misdated import MisdatedRow, insert_misdated, read_clock, set_apart
from cloud_sync.cloud.store.multiranges import to_multirange
from cloud_sync.cloud.store.queries import load_queries
from cloud_sync.cloud.store.rows import BatchRows, ReadingsRow
from cloud_sync.cloud.store.window_columns import columns_of
from cloud_sync.wire import Acknowledgement, Batch
from edge_runtime.errors import RefusedError

_QUERIES = load_queries("ingest.sql")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a request says beside its batch.

    Attributes:
        trace_id: goes with the receipt.
        box_time: what time it is at the box; None where it doesn't say.
        clock_tolerance: how far a box's clock may be off.
    """

    trace_id: str = ""
    box_time: BoxTime | None = None
    clock_tolerance: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch.

    Attributes:
        acknowledgement: for the box, once it is committed.
        rows: what went into the tables of what is known; of a duplicate, what would have.
        misdated: how many of its windows and diagnoses were set apart, because their time can't be right.
    """

    acknowledgement: Acknowledgement
    rows: BatchRows
    misdated: int = 0


async def write_batch(
    connection: psycopg.AsyncConnection, identity: AgentIdentity, batch: Batch, rows: BatchRows, said: Delivery
) -> Written:
    """Write all rows of `batch`; nothing when it was committed before. The caller commits, then answers.

    The rest of the transaction is limited to the box's machine. Statements go out without waiting for the one before,
    unless its answer is needed.

    Raises:
        RefusedError: PostgreSQL can't hold a value, such as a NUL character in a text (422).
    """
    try:
        async with connection.pipeline():
            await identity.scope.enter(connection)
            return await write_rows(connection, identity, batch, rows, said)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise RefusedError(
            f"a value doesn't fit the database: {error.diag.message_primary or error}",
            status=422,
            hint="The box sends what doesn't fit; it sets the record aside. See: hydrosight sync dead-letters",
        ) from error


async def write_rows(
    connection: psycopg.AsyncConnection, identity: AgentIdentity, batch: Batch, rows: BatchRows, said: Delivery
) -> Written:
    """Do `write_batch`'s work in an open pipeline, with the rights that the transaction has; errors are psycopg's."""
    receipt = {
        "agent": identity.agent,
        "boot": batch.boot,
        "number": batch.number,
        "windows": len(batch.windows),
        "diagnoses": len(batch.diagnoses),
        "alerts": len(batch.alerts),
        "gaps": len(batch.gaps),
        "clock_steps": len(batch.clock_steps),
        "backlog": batch.backlog,
        "trace_id": said.trace_id,
        "schema_minor": batch.schema_minor,
    }
    inserted = await (await connection.execute(_QUERIES["insert_receipt"], receipt)).fetchone()
    misdated: list[MisdatedRow] = []
    if inserted is not None:
        await _insert(connection, "insert_clock_step", rows.clock_steps)
        clock = await read_clock(connection, identity.machine, said.box_time, said.clock_tolerance)
        rows, misdated = set_apart(batch, rows, clock)
        await _insert(connection, "insert_alert", rows.alerts)
        await _insert(connection, "insert_diagnosis", rows.diagnoses)
        await _insert(connection, "insert_component_diagnosis", rows.components)
        await _insert(connection, "insert_gap", rows.gaps)
        await _insert(connection, "insert_unknown_fields", rows.unknown)
        for columns in columns_of(rows.windows):
            await connection.execute(_QUERIES["insert_windows"], columns._asdict())
        await _insert(connection, "insert_window_readings", [_with_multiranges(row) for row in rows.readings])
        await insert_misdated(connection, misdated)
    state = said.box_time.state if said.box_time else None
    seen = {"agent": identity.agent, "box_us": said.box_time.now_us if said.box_time else None, "state": state}
    await connection.execute(_QUERIES["note_seen"], seen)
    acknowledgement = Acknowledgement(batch.boot, batch.number, duplicate=inserted is None, rotate=identity.rotate)
    return Written(acknowledgement, rows, len(misdated))


async def _insert(connection: psycopg.AsyncConnection, query: str, rows: Sequence[tuple[object, ...]]) -> None:
    """One prepared statement for all rows."""
    if rows:
        async with connection.cursor() as cursor:
            await cursor.executemany(_QUERIES[query], rows)


def _with_multiranges(row: ReadingsRow) -> tuple[object, ...]:
    return (*row[:4], [to_multirange(held) for held in row.numbers])
