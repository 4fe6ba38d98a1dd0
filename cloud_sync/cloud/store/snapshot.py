"""A connection that sees the database as it was at one moment, however long it is read, and writes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.arrays import register_arrays
from edge_runtime.errors import DatabaseError


@contextmanager
def snapshot(settings: CloudSettings, reader: str = "") -> Iterator[psycopg.Connection]:
    """A connection in one read-only transaction, for the `with` block.

    Args:
        settings: name the database.
        reader: what reads it, for the message of an error.

    Raises:
        ConfigurationError: no database is set.
        DatabaseError: it doesn't answer, or failed.
    """
    try:
        with psycopg.connect(
            settings.connection_string(),
            connect_timeout=10,
            application_name="hydrosight-cloud",
            options="-c timezone=UTC -c jit=off",
        ) as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            register_arrays(connection)
            yield connection
    except psycopg.Error as error:
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DatabaseError(
            f"{reader}: the database failed: {first}" if reader else f"the database failed: {first}",
            hint="Is PostgreSQL running, and HYDROSIGHT_DATABASE_URL right? Try: hydrosight-cloud db status",
        ) from error
