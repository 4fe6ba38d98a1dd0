"""The way to PostgreSQL: a pool of connections behind a breaker, and a watch that says once when it opens and closes.

A server whose database is down, or hangs, stays up: requests get a `DatabaseError` (503 with Retry-After), and the
first success of the watch's probe brings everything back, schema included. A pool whose connections are all in use is
something else: who waits too long for one gets an `OverloadedError`, and nothing is down.
"""

import asyncio
import logging
import os
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from cloud_sync.cloud.access.scope import ENTRY_ROLE
from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.arrays import register_arrays
from cloud_sync.cloud.store.breaker import Breaker
from cloud_sync.cloud.store.migrate import migrate
from edge_runtime.errors import DatabaseError, HydrosightError, OverloadedError

_log = structlog.get_logger(__name__)
_HINT = "Is PostgreSQL running, and HYDROSIGHT_DATABASE_URL right? Try: hydrosight-cloud db status"
_NOT_YET = "not connected yet"
_PROBE_CLOSED_S = 5.0
_PROBE_OPEN_S = 0.5
_PROBE_TIMEOUT_S = 3.0


class Database:
    """A pool of connections to one database.

    Attributes:
        breaker: closed while the database answers and has this program's schema.
    """

    def __init__(self, settings: CloudSettings) -> None:
        self.breaker = Breaker(_NOT_YET, _HINT)
        self._url = settings.connection_string()
        self._connection_settings = _connection_settings(settings)
        self._suspect = asyncio.Event()
        self._probe: asyncio.Task[None] | None = None
        self._probe_connection: psycopg.AsyncConnection | None = None
        self._in_use: set[psycopg.AsyncConnection] = set()
        self._pool = AsyncConnectionPool(
            self._url,
            kwargs=self._connection_settings,
            min_size=1,
            max_size=settings.pool_size,
            timeout=settings.pool_wait_s,
            reconnect_timeout=1,  # the watch tries again itself; a long back-off would delay the way back
            configure=_prepare_connection,
            check=self._check_connection,
            open=False,
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """A connection in a transaction, committed at the end of the block, rolled back if it raises.

        It can check secrets and nothing else; `authenticate`, `authorise` and a scope's `enter` open what is behind.

        Raises:
            DatabaseError: no connection, or it was lost, or a statement took too long, or the commit isn't certain.
            OverloadedError: all connections are in use, and none became free in time.
        """
        self.breaker.guard()
        try:
            async with self._pool.connection() as connection:
                with self._using(connection):  # commit and roll-back too: they can be hung up on here
                    async with connection:  # begins with the first statement, in one round trip
                        yield connection
                        await connection.commit()  # the block's own would pass over a connection that was lost
        except PoolTimeout as error:
            self._suspect.set()
            if len(self._in_use) < self._pool.max_size:
                raise DatabaseError("the database gives no connection", hint=_HINT) from error
            raise OverloadedError(
                "all connections to the database are in use", hint="Try again later.", bottleneck="database"
            ) from error
        except (psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError) as error:
            self._suspect.set()
            raise DatabaseError(f"the database failed: {_first_line(error)}", hint=_HINT) from error

    async def open(self) -> None:
        """Connect, if the database is there."""
        await self.check()

    @property
    def connections_in_use(self) -> int:
        """How many of the pool's work for somebody."""
        return len(self._in_use)

    @property
    def connections_wanted(self) -> int:
        """How many wait for one."""
        return self._pool.get_stats().get("requests_waiting", 0)

    async def check(self) -> None:
        """Ask the database, once for all who ask meanwhile: what comes of it is in the breaker, and logged if new."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._ask(), name="database probe")
        await asyncio.shield(self._probe)

    async def watch(self) -> None:
        """Check for ever: soon after a failure, else every few seconds."""
        while True:
            with suppress(TimeoutError):  # nobody suspects anything: a look all the same
                await asyncio.wait_for(self._suspect.wait(), _PROBE_CLOSED_S if self.breaker.closed else _PROBE_OPEN_S)
            self._suspect.clear()
            await self.check()

    async def regularly(
        self, every_s: float, what: str, work: Callable[[psycopg.AsyncConnection], Awaitable[None]]
    ) -> None:
        """Do `work` for ever while the database is up, first after `every_s`, on a connection of its own."""
        while True:
            await asyncio.sleep(every_s)
            if not self.breaker.closed:
                continue
            try:
                async with await self._connect() as connection:
                    await work(connection)
            except (psycopg.Error, HydrosightError) as error:
                _log.warning(
                    "regular work failed; the next time it is tried again", what=what, problem=_first_line(error)
                )

    async def close(self) -> None:
        """Give up all connections."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)
        if self._probe_connection is not None:
            await self._probe_connection.close()
        await self._pool.close(timeout=2)

    async def _ask(self) -> None:
        self.breaker.probing()
        try:
            if not (self.breaker.closed and await self._answers()):
                await self._prepare()
        except (psycopg.Error, DatabaseError) as error:
            self._failed(_first_line(error))
        else:
            if self.breaker.succeeded():
                _log.info("database up")

    async def _answers(self) -> bool:
        """Whether the probe's connection still works; the pool's may all be in use, which is no fault."""
        if self._probe_connection is None:
            return False
        try:
            with _hung_up_after(_PROBE_TIMEOUT_S, self._probe_connection):
                await self._probe_connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    async def _prepare(self) -> None:
        """Connect anew, bring the schema up to date; unlike the pool's, this connection's failure says why.

        The pool opens after the first time: its connections take a role that comes with the schema.
        """
        if self._probe_connection is not None:
            await self._probe_connection.close()
            self._probe_connection = None
        self._probe_connection = connection = await self._connect()
        with _hung_up_after(_PROBE_TIMEOUT_S, connection):
            await connection.execute("SELECT 1")
        if not self.breaker.closed:
            for migration in await migrate(connection):
                _log.info("schema migrated", number=migration.number, name=migration.name)
        await self._pool.open(wait=False)

    async def _check_connection(self, connection: psycopg.AsyncConnection) -> None:
        """Ask whether it still works if anything has come on it since it did, such as its end."""
        if _has_news(connection):
            with self._using(connection):
                await AsyncConnectionPool.check_connection(connection)

    @contextmanager
    def _using(self, connection: psycopg.AsyncConnection) -> Iterator[None]:
        """Have it hung up on when the breaker opens: who waits on a database that hangs would wait with it."""
        self._in_use.add(connection)
        try:
            yield
        finally:
            self._in_use.discard(connection)

    def _failed(self, problem: str) -> None:
        first = self.breaker.problem == _NOT_YET
        if self.breaker.failed(problem) or first:
            _log.error("database down", problem=problem, hint=_HINT)
        for connection in self._in_use:
            _hang_up(connection)

    async def _connect(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(self._url, autocommit=True, **self._connection_settings)


@contextmanager
def _hung_up_after(timeout_s: float, connection: psycopg.AsyncConnection) -> Iterator[None]:
    timer = asyncio.get_running_loop().call_later(timeout_s, _hang_up, connection)
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(connection: psycopg.AsyncConnection) -> None:
    """End it from this side, so that whoever waits for its answer gets an OperationalError at once.

    Cancelling the waiting task instead would wait for the server to confirm, which one that hangs doesn't do.
    """
    with (
        suppress(psycopg.OperationalError, OSError),  # closed already
        socket.socket(fileno=os.dup(connection.pgconn.socket)) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)


def _has_news(connection: psycopg.AsyncConnection) -> bool:
    """Whether there is something to be read that nobody has asked for; found without a round trip."""
    line = select.poll()
    line.register(connection.pgconn.socket, select.POLLIN)
    return bool(line.poll(0))


async def _prepare_connection(connection: psycopg.AsyncConnection) -> None:
    """Let every transaction begin as a role that can only check secrets, although the connection is the owner's."""
    register_arrays(connection)
    await connection.execute(f"SET ROLE {ENTRY_ROLE}")
    await connection.commit()


def _connection_settings(settings: CloudSettings) -> dict[str, Any]:
    milliseconds = round(settings.database_timeout_s * 1000)
    return {
        "application_name": "hydrosight-cloud",
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": milliseconds,
        # A batch is acknowledged only when it is on disk, whatever the server's default. To compile a plan for a year's
        # chunks takes a minute and saves a second.
        "options": f"-c synchronous_commit=on -c jit=off -c statement_timeout={milliseconds} -c timezone=UTC "
        f"-c idle_in_transaction_session_timeout={milliseconds}",
    }


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


# The pool warns of every single attempt to connect; the watch says it once.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
