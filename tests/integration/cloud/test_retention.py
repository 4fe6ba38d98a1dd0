"""What is older than the settings keep goes, and nothing else; on plain tables and on hypertables."""

import json
import os
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.migrate import migrate, schema_status
from cloud_sync.cloud.store.retention import prune
from tests.integration.cloud.test_migrate import connect
from tests.servers.centre_command import run_command

DAY = timedelta(days=1)
AGES = (1, 20, 40, 400)


async def fill(connection: psycopg.AsyncConnection) -> None:
    """A window and a diagnosis of every age, in days."""
    for age in AGES:
        start = datetime.now(UTC) - age * DAY
        await connection.execute(
            "INSERT INTO windows VALUES ('rig', %s, 'PS1', %s, 1000000, '{1}')", (start, start + DAY / 1440)
        )
        await connection.execute(
            "INSERT INTO diagnoses VALUES ('rig', %s, %s, 1, 1, 'm', '1', '0', '{}')", (start, start + DAY / 1440)
        )
        await connection.execute(
            "INSERT INTO component_diagnoses VALUES ('rig', %s, 'pump', 1, '0', 'healthy', 'normal', 1, false)",
            (start,),
        )


async def ages(connection: psycopg.AsyncConnection, table: str) -> list[int]:
    rows = await connection.execute(
        f"SELECT extract(day FROM now() - start_time)::int FROM {table} ORDER BY start_time DESC"
    )
    return [row[0] for row in await rows.fetchall()]


@pytest.mark.parametrize("rows_at_once", [1, 100])
async def test_only_what_is_too_old_goes(postgres_url: str, rows_at_once: int) -> None:
    settings = CloudSettings(keep_windows_days=30, keep_diagnoses_days=365)
    async with await connect(postgres_url) as connection:
        await migrate(connection)
        await fill(connection)

        done = await prune(connection, settings, rows_at_once=rows_at_once)

        assert await ages(connection, "windows") == [1, 20]
        assert await ages(connection, "diagnoses") == await ages(connection, "component_diagnoses") == [1, 20, 40]
        unit = "rows" if (await schema_status(connection)).hypertables is None else "chunks"
        assert [(item.table, item.count, item.unit) for item in done] == [
            ("windows", 2, unit),
            ("diagnoses", 1, unit),
            ("component_diagnoses", 1, unit),
        ]
        assert await prune(connection, settings) == ()


async def test_alerts_go_once_they_are_over_and_those_about_models_stay(postgres_url: str) -> None:
    old, new, never = "now() - INTERVAL '90 days'", "now()", None
    alerts = (
        ("over", "kind", old, old),
        ("lasted", "kind", old, new),
        ("stands", "kind", old, never),
        ("model", "model-update", old, old),
        ("new", "kind", new, new),
    )
    async with await connect(postgres_url) as connection:
        await migrate(connection)
        for name, kind, raised, cleared in alerts:
            for state, time in (("raised", raised), ("cleared", cleared)):
                if time is not None:
                    await connection.execute(
                        "INSERT INTO alerts (machine, id, state, time, component, kind, severity, message, document) "
                        f"VALUES ('rig', %s, %s, {time}, 'box', %s, 's', 'm', '{{}}')",
                        (name, state, kind),
                    )
        await connection.execute(
            "INSERT INTO alerts (machine, id, state, time, component, kind, severity, message, document, misdated) "
            "VALUES ('rig', 'in 1970', 'cleared', 'epoch', 'pump', 'kind', 's', 'm', '{}', true)"
        )

        (gone,) = await prune(connection, CloudSettings(keep_alerts_days=30), rows_at_once=1)

        assert (gone.table, gone.count) == ("alerts", 2)
        left = await (await connection.execute("SELECT DISTINCT id FROM alerts")).fetchall()
        assert {row[0] for row in left} == {"lasted", "stands", "model", "new", "in 1970"}


async def test_nothing_goes_unless_asked_for(postgres_url: str) -> None:
    async with await connect(postgres_url) as connection:
        await migrate(connection)
        await fill(connection)

        assert await prune(connection, CloudSettings()) == ()
        assert await ages(connection, "windows") == list(AGES)


async def test_of_two_servers_one_prunes(postgres_url: str) -> None:
    async with await connect(postgres_url) as one, await connect(postgres_url) as other:
        await migrate(one)
        await fill(one)
        async with one.transaction():
            await one.execute("SELECT pg_advisory_xact_lock(482956635749)")

            assert await prune(other, CloudSettings(keep_windows_days=1)) == ()

        assert await prune(other, CloudSettings(keep_windows_days=30)) != ()


def test_the_command_says_what_went(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "HYDROSIGHT_KEEP_WINDOWS_DAYS", "30")

    assert json.loads(run_command(postgres_url, "db", "prune", "--json").stdout) == []
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("INSERT INTO windows VALUES ('rig', '2020-01-01', 'PS1', '2020-01-01 0:01', 1000000, '{1}')")
    done = run_command(postgres_url, "db", "prune")

    assert done.stdout.split() in (["windows", "1", "rows"], ["windows", "1", "chunks"])
