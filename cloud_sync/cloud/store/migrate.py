"""Bring a database to this program's schema: numbered files, forward only, each in a transaction of its own.

Servers that start together take turns by an advisory lock. Where TimescaleDB is there, the large tables then become
hypertables (`sql/hypertables.sql`), also in a database that gained it later. Last come the roles and policies that keep
tenants and boxes apart (`sql/isolation.sql`).
"""

import re
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from cloud_sync.cloud.store.queries import load_queries, read_sql
from edge_runtime.errors import DatabaseError

_QUERIES = load_queries("migrate.sql")
_NUMBERED = re.compile(r"^(\d{4})_(\w+)\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of `sql/migrations/`."""

    number: int
    name: str
    file: str


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """What a database has had and what it lacks; `hypertables` is None where TimescaleDB isn't in use."""

    applied: tuple[int, ...]
    pending: tuple[Migration, ...]
    hypertables: tuple[str, ...] | None

    @property
    def ahead(self) -> bool:
        """Whether a newer program has migrated it further than this one knows."""
        return bool(self.applied) and self.applied[-1] > migrations()[-1].number


def migrations() -> tuple[Migration, ...]:
    """All migrations that this program knows, in order."""
    names = sorted(entry.name for entry in files("cloud_sync.cloud").joinpath("sql", "migrations").iterdir())
    matches = [match for name in names if (match := _NUMBERED.match(name))]
    return tuple(Migration(int(match[1]), match[2], match[0]) for match in matches)


async def migrate(connection: psycopg.AsyncConnection) -> list[Migration]:
    """Apply what is missing, and return it. `connection` must be in autocommit mode.

    Raises:
        DatabaseError: a newer program has migrated this database further than this one knows, or the roles that keep
            tenants apart aren't there and this one may not make them.
    """
    done = []
    for migration in migrations():
        async with connection.transaction():
            await _take_turn(connection)
            await connection.execute(_QUERIES["create_ledger"])
            if migration.number not in await _applied(connection):
                await connection.execute(read_sql(f"migrations/{migration.file}"))
                await connection.execute(_QUERIES["record"], (migration.number, migration.name))
                done.append(migration)
    async with connection.transaction():
        await _take_turn(connection)
        await connection.execute(read_sql("hypertables.sql"))
        await connection.execute(read_sql("aggregates.sql"))
        await _isolate(connection)
    if (status := await schema_status(connection)).ahead:
        raise DatabaseError(
            f"the database's schema is at {status.applied[-1]}, this program knows {migrations()[-1].number}",
            hint="Upgrade hydrosight[cloud] on this server to the version that migrated the database.",
        )
    return done


async def lock_schema(connection: psycopg.AsyncConnection) -> None:
    """Let nobody migrate until the end of the transaction that `connection` is in."""
    await connection.execute(_QUERIES["lock"])


async def build_schema(connection: psycopg.AsyncConnection) -> None:
    """Make all that this program has in a database, in the current schema, which is empty."""
    await connection.execute(_QUERIES["create_ledger"])
    for migration in migrations():
        await connection.execute(read_sql(f"migrations/{migration.file}"))
    await connection.execute(read_sql("hypertables.sql"))
    await connection.execute(read_sql("aggregates.sql"))
    await connection.execute(read_sql("isolation.sql"))


async def schema_status(connection: psycopg.AsyncConnection) -> SchemaStatus:
    """Read where the database stands; changes nothing."""
    known = await (await connection.execute(_QUERIES["ledger_exists"])).fetchone()
    applied = await _applied(connection) if known and known[0] else ()
    timescale = await (await connection.execute(_QUERIES["has_timescaledb"])).fetchone()
    hypertables = None
    if timescale and timescale[0]:
        rows = await (await connection.execute(_QUERIES["hypertables"])).fetchall()
        hypertables = tuple(str(row[0]) for row in rows)
    pending = tuple(migration for migration in migrations() if migration.number not in applied)
    return SchemaStatus(applied, pending, hypertables)


async def _take_turn(connection: psycopg.AsyncConnection) -> None:
    await connection.execute(_QUERIES["lock"])
    await connection.execute(_QUERIES["take_time"])


async def _isolate(connection: psycopg.AsyncConnection) -> None:
    try:
        await connection.execute(read_sql("isolation.sql"))
    except psycopg.errors.InsufficientPrivilege as error:
        user = connection.info.user
        raise DatabaseError(
            f"role {user!r} can't set up what keeps tenants apart: {error.diag.message_primary}",
            hint=f"As the server's administrator: ALTER ROLE {user} CREATEROLE, or make the roles as docs/tenants.md "
            "shows. It must own the database as well.",
        ) from error


async def _applied(connection: psycopg.AsyncConnection) -> tuple[int, ...]:
    rows = await (await connection.execute(_QUERIES["applied"])).fetchall()
    return tuple(int(row[0]) for row in rows)
