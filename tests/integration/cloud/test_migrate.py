"""The schema: forward only, once, also when many servers start at once; hypertables where TimescaleDB is there."""

import asyncio
import json
from datetime import UTC, datetime

import psycopg
import pytest

from cloud_sync.cloud.store.migrate import migrate, migrations, schema_status
from cloud_sync.cloud.store.queries import read_sql
from edge_runtime.errors import DatabaseError
from tests.servers.centre_command import run_command

LARGE_TABLES = ("component_diagnoses", "diagnoses", "window_readings", "windows")


async def connect(url: str) -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(url, autocommit=True)


async def test_servers_that_start_together_migrate_once(postgres_url: str) -> None:
    async def start() -> int:
        async with await connect(postgres_url) as connection:
            return len(await migrate(connection))

    done = await asyncio.gather(*(start() for _ in range(6)))

    assert sum(done) == len(migrations()), "they take turns, migration by migration"
    async with await connect(postgres_url) as connection:
        status = await schema_status(connection)
    assert status.pending == ()
    assert status.applied == tuple(migration.number for migration in migrations())


async def test_an_empty_database_is_all_pending(postgres_url: str) -> None:
    async with await connect(postgres_url) as connection:
        status = await schema_status(connection)

    assert status.applied == ()
    assert status.pending == migrations()


async def test_a_database_of_a_newer_program_is_left_alone(postgres_url: str) -> None:
    async with await connect(postgres_url) as connection:
        await migrate(connection)
        await connection.execute("INSERT INTO schema_migrations (number, name) VALUES (9999, 'future')")

        with pytest.raises(DatabaseError, match="9999") as refused:
            await migrate(connection)

    assert "Upgrade" in refused.value.hint


async def test_a_migration_may_take_longer_than_a_request(postgres_url: str) -> None:
    async with await connect(postgres_url) as connection:
        await connection.execute("SET statement_timeout = '60s'")
        await connection.execute(
            """
            CREATE TABLE schema_migrations (number int PRIMARY KEY, name text NOT NULL);
            CREATE FUNCTION with_time() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                ASSERT current_setting('statement_timeout') = '0';
                RETURN NEW;
            END $$;
            CREATE TRIGGER with_time BEFORE INSERT ON schema_migrations EXECUTE FUNCTION with_time();
            """
        )
        assert await migrate(connection) == list(migrations())
        assert await (await connection.execute("SHOW statement_timeout")).fetchone() == ("1min",)


async def test_large_tables_are_hypertables_where_timescaledb_is_there(postgres_url: str) -> None:
    """On a server without it they are plain; HYDROSIGHT_TEST_DATABASE names one with it."""
    async with await connect(postgres_url) as connection:
        preloaded = await connection.execute("SELECT current_setting('timescaledb.disable_load', true) IS NOT NULL")
        expected = LARGE_TABLES if (await preloaded.fetchone()) == (True,) else None
        await migrate(connection)
        await migrate(connection)

        assert (await schema_status(connection)).hypertables == expected


async def test_rows_move_into_chunks_when_timescaledb_comes_later(postgres_url: str) -> None:
    async with await connect(postgres_url) as connection:
        available = await connection.execute("SELECT current_setting('timescaledb.disable_load', true)")
        if await available.fetchone() == (None,):
            pytest.skip("needs a server with TimescaleDB: set HYDROSIGHT_TEST_DATABASE")
        await connection.execute("SET timescaledb.disable_load = on")
        await connection.execute("CREATE TABLE schema_migrations (number int PRIMARY KEY, name text NOT NULL)")
        for migration in migrations():
            await connection.execute(read_sql(f"migrations/{migration.file}"))
            await connection.execute(
                "INSERT INTO schema_migrations VALUES (%s, %s)", (migration.number, migration.name)
            )
        row = ("rig", datetime(2026, 1, 1, tzinfo=UTC), "PS1", datetime(2026, 1, 1, 0, 1, tzinfo=UTC), 10**6, [1.0])
        await connection.execute("INSERT INTO windows VALUES (%s, %s, %s, %s, %s, %s)", row)

    async with await connect(postgres_url) as connection:
        await migrate(connection)
        count = await connection.execute("SELECT count(*) FROM windows")

        assert await count.fetchone() == (1,)
        assert (await schema_status(connection)).hypertables == LARGE_TABLES


def test_the_command_migrates_and_says_where_the_schema_stands(postgres_url: str) -> None:
    before = json.loads(run_command(postgres_url, "db", "status", "--json").stdout)
    done = json.loads(run_command(postgres_url, "db", "migrate", "--json").stdout)
    after = json.loads(run_command(postgres_url, "db", "status", "--json").stdout)

    assert before["applied"] == []
    assert done["applied"] == before["pending"] == after["applied"]
    assert after["pending"] == []


def test_no_server_is_said_with_a_hint_and_without_the_password() -> None:
    done = run_command("postgresql://user:hunter2@127.0.0.1:1/db", "fleet")

    assert done.returncode == 1
    assert done.stderr.startswith("error: the database failed: ")
    assert "hint:" in done.stderr
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("enroll", "bad name"), ("serve", "--port", "99999"), ("enroll",), ("nonsense",)]
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert run_command("postgresql:///", *arguments).returncode == 2
