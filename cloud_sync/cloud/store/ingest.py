"""A batch into the database, once. What is acknowledged is committed and on disk.

The receipt is written first: a batch that has one is a duplicate, whichever server took it. Rows are unique by what
they are about as well, so even a batch that a box seals anew (its store was restored, or it was enrolled again) adds
only what is missing. Together: at least once on the wire, exactly once in the tables.
"""

from collections.abc import Sequence

import psycopg

from cloud_sync.cloud.access.credentials import AgentIdentity
from cloud_sync.cloud.store.arrays import register_float32_arrays
from cloud_sync.cloud.store.multiranges import to_multirange
from cloud_sync.cloud.store.queries import load_queries
from cloud_sync.cloud.store.rows import BatchRows, ReadingsRow, WindowRow
from cloud_sync.wire import Acknowledgement, Batch
from edge_runtime.errors import RefusedError

_QUERIES = load_queries("ingest.sql")
_WINDOW_TYPES = ("text", "timestamptz", "text", "timestamptz", "int8", "float4[]")


async def prepare_connection(connection: psycopg.AsyncConnection) -> None:
    """What `write_batch` needs of a new connection."""
    register_float32_arrays(connection)
    await connection.execute(_QUERIES["create_incoming"])
    await connection.commit()


async def write_batch(
    connection: psycopg.AsyncConnection, identity: AgentIdentity, batch: Batch, rows: BatchRows, trace_id: str = ""
) -> Acknowledgement:
    """Write all rows of `batch`; nothing when it was committed before. The caller commits, then answers.

    `trace_id` goes with the receipt.

    Raises:
        RefusedError: PostgreSQL can't hold a value, such as a NUL character in a text (422).
    """
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
        "trace_id": trace_id,
        "schema_minor": batch.schema_minor,
    }
    inserted = await (await connection.execute(_QUERIES["insert_receipt"], receipt)).fetchone()
    if inserted is not None:
        try:
            await _insert(connection, "insert_alert", rows.alerts)
            await _insert(connection, "insert_diagnosis", rows.diagnoses)
            await _insert(connection, "insert_component_diagnosis", rows.components)
            await _insert(connection, "insert_gap", rows.gaps)
            await _insert(connection, "insert_clock_step", rows.clock_steps)
            await _insert(connection, "insert_unknown_fields", rows.unknown)
            await _copy_windows(connection, rows.windows)
            await _insert(connection, "insert_window_readings", [_with_multiranges(row) for row in rows.readings])
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise RefusedError(
                f"a value doesn't fit the database: {error.diag.message_primary or error}",
                status=422,
                hint="The box sends what doesn't fit; it sets the record aside. See: hydrosight sync dead-letters",
            ) from error
    await connection.execute(_QUERIES["note_seen"], {"agent": identity.agent})
    return Acknowledgement(batch.boot, batch.number, duplicate=inserted is None, rotate=identity.rotate)


async def _insert(connection: psycopg.AsyncConnection, query: str, rows: Sequence[tuple[object, ...]]) -> None:
    """One prepared statement for all rows, sent without waiting for each answer (libpq's pipeline mode)."""
    if rows:
        async with connection.cursor() as cursor:
            await cursor.executemany(_QUERIES[query], rows)


def _with_multiranges(row: ReadingsRow) -> tuple[object, ...]:
    return (*row[:4], [to_multirange(held) for held in row.numbers])


async def _copy_windows(connection: psycopg.AsyncConnection, rows: Sequence[WindowRow]) -> None:
    """Binary COPY into a staging table, then one INSERT: faster than a statement a row, the shorter the windows."""
    if rows:
        async with connection.cursor() as cursor:
            async with cursor.copy(_QUERIES["copy_incoming"]) as copy:
                copy.set_types(_WINDOW_TYPES)
                for row in rows:
                    await copy.write_row(row)
            await cursor.execute(_QUERIES["insert_windows"])
