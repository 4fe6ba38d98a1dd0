"""A database that somebody broke, in each way: `db check` names what and how to mend it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest

from cloud_sync.cloud.inspection.finding import Severity
from cloud_sync.cloud.inspection.inspect import inspect_database
from cloud_sync.cloud.store.migrate import migrate
from cloud_sync.wire import Enrolment
from tests.integration.cloud.conftest import send
from tests.servers.batches import make_batch
from tests.servers.centre import Centre


@pytest.fixture
async def connection(module_postgres_url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """To a migrated database; each test breaks it in a transaction that is rolled back."""
    async with await psycopg.AsyncConnection.connect(module_postgres_url, autocommit=True) as connection:
        await migrate(connection)
        async with connection.transaction(force_rollback=True):
            yield connection


async def found_by(connection: psycopg.AsyncConnection) -> list[tuple[Severity, str, str, str]]:
    """What isn't fine, but for what the server is to blame for: its settings, its superuser, its jobs."""
    found = await inspect_database(connection, pool_size=8, now=datetime.now(UTC))
    return [
        (finding.severity, finding.about, finding.found, finding.remedy)
        for finding in found
        if finding.severity is not Severity.OK and finding.about not in {"settings", "rights", "timescaledb", "jobs"}
    ]


async def test_a_fresh_database_is_fine(connection: psycopg.AsyncConnection) -> None:
    assert await found_by(connection) == []


async def test_so_is_one_with_tables_of_somebody_else_s_in_it(connection: psycopg.AsyncConnection) -> None:
    await connection.execute("CREATE TABLE notes (machine text, note text)")
    await connection.execute("CREATE VIEW shown AS SELECT machine, note FROM notes")
    await migrate(connection)

    assert await found_by(connection) == []


@pytest.mark.parametrize(
    ("breaking", "about", "words"),
    [
        ("DROP TABLE labels", "table", ("labels is missing", "backup")),
        ("ALTER TABLE alerts DROP COLUMN message", "column", ("message of alerts", "ADD COLUMN message text")),
        ("ALTER TABLE alerts ALTER COLUMN severity DROP NOT NULL", "column", ("'text'", "'text NOT NULL'")),
        ("ALTER TABLE windows DROP CONSTRAINT windows_pkey", "constraint", ("windows_pkey", "PRIMARY KEY (machine,")),
        ("ALTER TABLE alerts DROP CONSTRAINT alerts_state_check", "constraint", ("alerts_state_check", "CHECK")),
        ("DROP INDEX gaps_by_time", "index", ("gaps_by_time", "CREATE INDEX gaps_by_time ON gaps")),
        ("ALTER TABLE gaps ADD CONSTRAINT mine CHECK (lost < 5)", "constraint", ("mine", "isn't ours")),
        ("ALTER TABLE gaps ADD COLUMN mine text NOT NULL", "column", ("mine", "isn't ours")),
        (
            "DROP POLICY hydrosight_operator ON gaps",
            "isolation",
            ("missing: row policy hydrosight_operator of gaps", "db migrate"),
        ),
        ("ALTER POLICY hydrosight_operator ON gaps USING (true)", "isolation", ("using true", "DROP POLICY")),
        ("ALTER POLICY hydrosight_box ON labels TO PUBLIC", "isolation", ("to public", "not", "to hydrosight_box")),
        (
            "CREATE POLICY mine ON gaps USING (true)",
            "isolation",
            ("mine of gaps isn't ours", "DROP POLICY mine ON gaps"),
        ),
        ("ALTER TABLE gaps DISABLE ROW LEVEL SECURITY", "isolation", ("'off', not 'on'", "ENABLE ROW LEVEL SECURITY")),
        (
            "DROP VIEW hydrosight_operator.windows",
            "isolation",
            ("missing: tenant view hydrosight_operator.windows", "db migrate"),
        ),
        (
            "CREATE OR REPLACE VIEW hydrosight_operator.window_readings AS SELECT * FROM window_readings",
            "isolation",
            ("hydrosight_operator.window_readings is", "DROP VIEW hydrosight_operator.window_readings"),
        ),
        (
            "GRANT SELECT ON windows TO hydrosight_operator",
            "isolation",
            ("rights of hydrosight_operator on windows isn't ours: SELECT", "REVOKE ALL ON windows FROM hydrosight_op"),
        ),
        (
            "GRANT SELECT (secret_sha256) ON credentials TO hydrosight_operator",
            "isolation",
            ("SELECT (secret_sha256)", "REVOKE ALL ON credentials FROM hydrosight_operator"),
        ),
        ("DELETE FROM schema_migrations WHERE number = 1", "schema", ("pending: 0001", "db migrate")),
        ("INSERT INTO schema_migrations VALUES (9999, 'future')", "schema", ("9999", "Upgrade")),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'gaps_by_time'::regclass",
            "index",
            ("not valid: gaps_by_time", "REINDEX INDEX CONCURRENTLY gaps_by_time"),
        ),
        (
            "INSERT INTO machines (name) VALUES ('lonely')",
            "data",
            ("no box is enrolled: lonely", "hydrosight-cloud enroll"),
        ),
        (
            "INSERT INTO windows VALUES ('rig', now() + '2 days', 'PS1', now() + '2 days', 1, '{1}')",
            "data",
            ("ahead of now: rig", "clock"),
        ),
        (
            "INSERT INTO window_readings VALUES ('rig', now(), 2, '{}', '{}')",
            "data",
            ("lack channels: rig", "sync reconcile --resend"),
        ),
    ],
)
async def test_each_fault_is_named_with_a_remedy(
    connection: psycopg.AsyncConnection, breaking: str, about: str, words: tuple[str, ...]
) -> None:
    await connection.execute(breaking.encode())

    ((_, named, found, remedy),) = await found_by(connection)

    assert named == about
    for word in words:
        assert word in f"{found} {remedy}"


@pytest.mark.parametrize(
    "breaking",
    [
        "DROP OWNED BY hydrosight_operator",
        "ALTER POLICY hydrosight_operator ON gaps USING (true)",
        "ALTER TABLE gaps DISABLE ROW LEVEL SECURITY",
        "CREATE OR REPLACE VIEW hydrosight_operator.window_readings AS SELECT * FROM window_readings",
        "GRANT SELECT ON windows TO hydrosight_operator",
    ],
)
async def test_what_keeps_tenants_apart_is_whole_again_after_the_remedy(
    connection: psycopg.AsyncConnection, breaking: str
) -> None:
    await connection.execute(breaking.encode())
    ((_, about, _, remedy),) = await found_by(connection)
    assert about == "isolation"

    if (statement := remedy.partition(";")[0].removeprefix("Run in the database: ")) != remedy:
        await connection.execute(statement.encode())
    await migrate(connection)

    assert await found_by(connection) == []


@pytest.mark.parametrize(
    ("breaking", "about", "word"),
    [
        ("SELECT remove_columnstore_policy('windows')", "policy", "policy_compression of windows is missing"),
        ("SELECT remove_continuous_aggregate_policy('health_by_day')", "policy", "of health_by_day is missing"),
        ("SELECT set_chunk_time_interval('windows', INTERVAL '3 hours')", "hypertable", "03:00:00"),
        ("DROP MATERIALIZED VIEW completeness_by_day CASCADE", "aggregate", "completeness_by_day is missing"),
        (
            """SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs
               WHERE hypertable_name = 'diagnoses'""",
            "policy",
            "switched off",
        ),
    ],
)
async def test_what_timescaledb_was_told_otherwise_is_named(
    connection: psycopg.AsyncConnection, breaking: str, about: str, word: str
) -> None:
    extension = await connection.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'")
    if await extension.fetchone() is None:
        pytest.skip("needs a server with TimescaleDB: set HYDROSIGHT_TEST_DATABASE")
    await connection.execute(breaking.replace("SELECT remove_columnstore", "CALL remove_columnstore").encode())

    found = await found_by(connection)

    assert {(severity, named) for severity, named, _, _ in found} >= {(Severity.WARNING, about)}
    assert any(word in text for _, _, text, _ in found), found


async def test_looking_changes_nothing(connection: psycopg.AsyncConnection) -> None:
    await inspect_database(connection, pool_size=8, now=datetime.now(UTC))

    drafts = await connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'hydrosight_draft'")
    assert await drafts.fetchone() == (0,)


def test_the_command_shows_a_table_or_json_and_its_exit_code_says_it(
    centre: Centre, box: Enrolment, postgres_url: str
) -> None:
    assert send(centre.url, box.credential, make_batch("rig", 0)).status_code == 200
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP INDEX gaps_by_time")

    shown, told = centre.run("db", "check"), centre.run("db", "check", "--json")

    assert (shown.returncode, told.returncode) == (1, 1)
    assert "gaps_by_time" in shown.stdout
    findings = json.loads(told.stdout)
    (index,) = [item for item in findings if item["about"] == "index" and item["severity"] == "failure"]
    assert index["remedy"].startswith("Run in the database: CREATE INDEX gaps_by_time")
    assert any("bytes a sample" in item["found"] for item in findings)
    assert f"{sum(item['severity'] == 'failure' for item in findings)} failures" in shown.stdout
