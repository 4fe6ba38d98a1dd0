"""The way to PostgreSQL: a pool of connections, and a watch that says once when it is lost and once when it is back.

A server whose database is down stays up: requests get a `DatabaseError` (503 with Retry-After), and the first success
of the watch's check brings everything back, schema included.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.ingest import prepare_connection
from cloud_sync.cloud.store.migrate import migrate
from cloud_sync.cloud.store.retention import prune
from edge_runtime.errors import DatabaseError

_log = structlog.get_logger(__name__)
_HINT = "Is PostgreSQL running, and HYDROSIGHT_DATABASE_URL right? Try: hydrosight-cloud db status"
_NOT_YET = "not connected yet"
_CHECK_UP_S = 5.0
_CHECK_DOWN_S = 0.5
_PRUNE_EVERY_S = 3600.0


class Database:
    """A pool of connections to one database. `ready` when it answered last and has this program's schema."""

    def __init__(self, settings: CloudSettings) -> None:
        self.ready = False
        self.problem = _NOT_YET
        self._settings = settings
        self._url = settings.connection_string()
        self._connection_settings = _connection_settings(settings)
        self._suspect = asyncio.Event()
        self._pool = AsyncConnectionPool(
            self._url,
            kwargs=self._connection_settings,
            min_size=1,
            max_size=settings.pool_size,
            timeout=5,
            reconnect_timeout=1,  # the watch tries again itself; a long back-off would delay the way back
            configure=prepare_connection,
            check=AsyncConnectionPool.check_connection,
            open=False,
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """A connection in a transaction, committed at the end of the block, rolled back if it raises.

        Raises:
            DatabaseError: no connection, or it was lost, or a statement took too long, or the commit isn't certain.
        """
        if not self.ready:
            raise DatabaseError(f"the database is not ready: {self.problem}", hint=_HINT)
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError) as error:
            self._suspect.set()
            raise DatabaseError(f"the database failed: {_first_line(error)}", hint=_HINT) from error

    async def open(self) -> None:
        """Connect, if the database is there."""
        await self._pool.open(wait=False)
        await self.check()

    async def check(self) -> None:
        """Ask the database, bring its schema up to date where it isn't known to be, and note and log a change."""
        try:
            if self.ready:
                async with self._pool.connection(timeout=2):
                    pass  # the pool itself has asked
            else:
                await self._prepare()
        except (psycopg.Error, DatabaseError) as error:
            self._note(problem=_first_line(error))
        else:
            self._note(problem="")

    async def watch(self) -> None:
        """Check for ever: soon after a failure, else every few seconds."""
        while True:
            with suppress(TimeoutError):  # nobody suspects anything: a look all the same
                await asyncio.wait_for(self._suspect.wait(), _CHECK_UP_S if self.ready else _CHECK_DOWN_S)
            self._suspect.clear()
            await self.check()

    async def keep_pruned(self) -> None:
        """Delete for ever what is older than the settings keep: every hour, first after one."""
        while True:
            await asyncio.sleep(_PRUNE_EVERY_S)
            if not self.ready:
                continue
            try:
                async with await self._connect() as connection:
                    for item in await prune(connection, self._settings):
                        _log.info("pruned", table=item.table, count=item.count, unit=item.unit)
            except psycopg.Error as error:
                _log.warning("pruning failed; the next try is in an hour", problem=_first_line(error))

    async def close(self) -> None:
        """Give up all connections."""
        await self._pool.close(timeout=2)

    async def _prepare(self) -> None:
        """Migrate on a connection of its own, whose failure says why, which the pool's doesn't."""
        async with await self._connect() as connection:
            for migration in await migrate(connection):
                _log.info("schema migrated", number=migration.number, name=migration.name)

    async def _connect(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(self._url, autocommit=True, **self._connection_settings)

    def _note(self, *, problem: str) -> None:
        if problem and (self.ready or self.problem == _NOT_YET):
            _log.error("database down", problem=problem, hint=_HINT)
        elif not problem and not self.ready:
            _log.info("database up")
        self.ready, self.problem = not problem, problem


def _connection_settings(settings: CloudSettings) -> dict[str, Any]:
    milliseconds = round(settings.database_timeout_s * 1000)
    return {
        "application_name": "hydrosight-cloud",
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "tcp_user_timeout": milliseconds,
        # A batch is acknowledged only when it is on disk, whatever the server's default.
        "options": f"-c synchronous_commit=on -c statement_timeout={milliseconds} -c timezone=UTC "
        f"-c idle_in_transaction_session_timeout={milliseconds}",
    }


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


# The pool warns of every single attempt to connect; the watch says it once.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
