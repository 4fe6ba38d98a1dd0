"""Whether the server keeps what it says it has, knows who may do what, and has room for more connections."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from cloud_sync.cloud.inspection.finding import Finding, failure, fine, warning
from cloud_sync.cloud.store.queries import load_queries

TESTED_POSTGRESQL = range(15, 19)
TESTED_TIMESCALEDB = "2.28"
_QUERIES = load_queries("inspection.sql")
_BESIDE_THE_POOL = 3
"""Connections of a server process that aren't the pool's: its watch, retention and a command at the same time."""
_CLOCK_TOLERANCE_S = 60.0
_SLOT_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Server:
    """What the server says of itself.

    Attributes:
        connections: how many an ordinary account may have at once.
        connected: how many clients there are.
        not_owned: tables that this account can't alter.
        size: of the database, bytes.
    """

    version: str
    major: int
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    connections: int
    connected: int
    standby: bool
    now: datetime
    account: str
    superuser: bool
    may_create: bool
    not_owned: list[str]
    size: int


@dataclass(frozen=True, slots=True)
class Extension:
    """TimescaleDB: the version in this database, and the one that the server has."""

    installed: str | None
    available: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot, and how much WAL is kept for it."""

    slot_name: str
    held_bytes: int


async def check_server(connection: psycopg.AsyncConnection, pool_size: int, now: datetime) -> list[Finding]:
    """Ask the server. `now` is this host's time."""
    async with connection.cursor(row_factory=class_row(Server)) as cursor:
        await cursor.execute(_QUERIES["server"])
        server = await cursor.fetchone()
    assert server is not None  # noqa: S101  a SELECT without FROM has one row
    found = [*judge_server(server, pool_size, now)]
    async with connection.cursor(row_factory=class_row(Extension)) as cursor:
        await cursor.execute(_QUERIES["timescaledb"])
        found.append(judge_extension(await cursor.fetchone()))
    if not server.standby:
        async with connection.cursor(row_factory=class_row(Slot)) as cursor:
            await cursor.execute(_QUERIES["idle_slots"])
            found += judge_slots(await cursor.fetchall())
    return found


def judge_server(server: Server, pool_size: int, now: datetime) -> Iterator[Finding]:
    """What is wrong with it, and that it is right where nothing is."""
    yield from _judge_durability(server)
    yield from _judge_account(server)
    yield _judge_connections(server, pool_size)
    if server.major in TESTED_POSTGRESQL:
        yield fine("version", f"PostgreSQL {server.version}")
    else:
        yield warning("version", f"PostgreSQL {server.version} isn't among those tested", "15 to 18 are.")
    apart_s = abs((server.now - now).total_seconds())
    if apart_s > _CLOCK_TOLERANCE_S:
        yield warning(
            "clock",
            f"the database's clock and this host's are {apart_s:.0f} s apart",
            "Credentials and ages are judged by the database's: mend the wrong one (NTP).",
        )
    else:
        yield fine("clock", f"within {_CLOCK_TOLERANCE_S:.0f} s of this host's")


def judge_extension(extension: Extension | None) -> Finding:
    """Whether TimescaleDB is in use, in a version that is tested and isn't half upgraded."""
    if extension is None:
        return fine("timescaledb", "not on this server: plain tables, no columnstore, no continuous aggregates")
    if extension.installed is None:
        return warning(
            "timescaledb",
            f"{extension.available} is on this server and not in this database",
            "Preload it (shared_preload_libraries), then: hydrosight-cloud db migrate",
        )
    if extension.installed != extension.available:
        return warning(
            "timescaledb",
            f"the database has {extension.installed}, the server's files are {extension.available}",
            "In a fresh session of psql -X: ALTER EXTENSION timescaledb UPDATE",
        )
    if not extension.installed.startswith(f"{TESTED_TIMESCALEDB}."):
        return warning(
            "timescaledb",
            f"{extension.installed} isn't tested",
            f"Try it on a copy first; {TESTED_TIMESCALEDB} is tested.",
        )
    return fine("timescaledb", extension.installed)


def judge_slots(slots: list[Slot]) -> list[Finding]:
    """Whether WAL piles up for a replica that doesn't fetch it."""
    return [
        warning(
            "replication",
            f"slot {slot.slot_name} is read by nobody and keeps {slot.held_bytes / 2**30:.1f} GiB of WAL",
            f"Start its replica, or: SELECT pg_drop_replication_slot('{slot.slot_name}')",
        )
        for slot in slots
        if slot.held_bytes > _SLOT_BYTES
    ]


def _judge_durability(server: Server) -> Iterator[Finding]:
    if server.standby:
        yield failure(
            "settings", "this is a standby, and takes no writes", "Set database_url to the primary, or promote it."
        )
    off = [name for name, on in (("fsync", server.fsync), ("full_page_writes", server.full_page_writes)) if not on]
    for name in off:
        yield failure(
            "settings",
            f"{name} is off: a power cut loses or damages what was acknowledged",
            f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf()",
        )
    if not off:
        # The centre's own sessions set synchronous_commit and timezone whatever the server's defaults are.
        yield fine("settings", "what is committed is on disk (fsync, full_page_writes)")


def _judge_account(server: Server) -> Iterator[Finding]:
    if server.not_owned:
        yield failure(
            "rights",
            f"{server.account} doesn't own {', '.join(server.not_owned)}",
            f"As the administrator: REASSIGN OWNED BY … TO {server.account}",
        )
    elif not server.may_create:
        yield failure(
            "rights",
            f"{server.account} may not create tables, so the next migration fails",
            f"As the administrator: GRANT CREATE ON SCHEMA public TO {server.account}",
        )
    elif server.superuser:
        yield warning(
            "rights",
            f"{server.account} is a superuser: whoever gets hold of its password has the whole server",
            "Make a role that owns this database alone, and set database_url to it.",
        )
    else:
        yield fine("rights", f"{server.account} owns every table")


def _judge_connections(server: Server, pool_size: int) -> Finding:
    each = pool_size + _BESIDE_THE_POOL
    servers = server.connections // each
    found = f"{server.connected} of {server.connections} in use; a server takes up to {each} (pool_size {pool_size})"
    if servers < 1:
        return failure("connections", found, "Raise max_connections and restart PostgreSQL, or lower pool_size.")
    if servers < 2 or server.connected > 0.8 * server.connections:
        return warning("connections", found, "Raise max_connections, lower pool_size, or stop what else connects.")
    return fine("connections", f"{found}: room for {servers} servers")
