"""What keeps tenants and boxes apart, tried in SQL as the roles of requests, past everything that the API does."""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cloud_sync.cloud.store.migrate import migrate
from edge_runtime.errors import DatabaseError

LIMITED = ("hydrosight_box", "hydrosight_operator")
ROLES = (*LIMITED, "hydrosight_entry", "hydrosight_dashboard")
MACHINES = {"press": "acme", "mixer": "bolt"}
HYPERTABLES = ("component_diagnoses", "diagnoses", "window_readings", "windows")

# What a request may touch, of tables that don't say whose rows are in a column `machine`.
BY_OTHER_MEANS = {"audit", "credentials", "machines", "receipts", "rollouts", "tenants"}


@pytest.fixture(scope="module")
def owner(module_postgres_url: str) -> Iterator[psycopg.Connection]:
    """The owner of a database with two tenants, each with a machine, its box, and a row in every table of theirs."""
    asyncio.run(migrated(module_postgres_url))
    with psycopg.connect(module_postgres_url, autocommit=True) as connection:
        fill(connection)
        yield connection


async def migrated(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await migrate(connection)


def fill(connection: psycopg.Connection) -> None:
    for machine, tenant in MACHINES.items():
        connection.execute("INSERT INTO tenants (name) VALUES (%s)", (tenant,))
        connection.execute("INSERT INTO machines (name, tenant) VALUES (%s, %s)", (machine, tenant))
        connection.execute("INSERT INTO agents (id, machine, agent_version) VALUES (%s, %s, '1')", (machine, machine))
        connection.execute("INSERT INTO audit (who, act, subject, tenant) VALUES ('x', 'y', 'z', %s)", (tenant,))
        for row in (
            "receipts (agent, boot, number, windows, diagnoses, alerts) VALUES (%s, 'b', 1, 0, 0, 0)",
            "credentials (id, agent, secret_sha256) VALUES (gen_random_uuid()::text, %s, '')",
            "enrolment_tokens (id, machine, secret_sha256, expires_at) VALUES (gen_random_uuid()::text, %s, '', now())",
            "windows VALUES (%s, '2026-01-01', 'PS1', '2026-01-01 0:01', 1000000, '{1}')",
            "window_readings VALUES (%s, '2026-01-01', 1, '{b}', '{}')",
            "diagnoses VALUES (%s, '2026-01-01', '2026-01-01 0:01', 1, 1, 'm', '1', '0', '{}')",
            "component_diagnoses VALUES (%s, '2026-01-01', 'pump', 1, '0', 'healthy', 'normal', 1, false)",
            "alerts VALUES (%s, '1', 'raised', now(), 'pump', 'k', 's', 'm', '{}')",
            "gaps VALUES (%s, 'b', 1, now(), now(), 'c', 's', '{}', 0, '')",
            "clock_steps VALUES (%s, 'b', 1, 0, now(), now(), now(), 's', 's')",
            "labels (machine, condition, start_time, end_time, said_by) VALUES (%s, 'v', now(), 'infinity', 'kim')",
        ):
            connection.execute(f"INSERT INTO {row}".encode(), (machine,))


@contextmanager
def role(connection: psycopg.Connection, name: str, **settings: str) -> Iterator[psycopg.Connection]:
    """A transaction as a request has it, with these settings of `hydrosight.`; rolled back."""
    with connection.transaction(force_rollback=True):
        connection.execute("SELECT set_config('role', %s, true)", (name,))
        connection.execute("SELECT set_config('search_path', %s || ', public', true)", (name,))
        for setting, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", (f"hydrosight.{setting}", value))
        yield connection


def readable(connection: psycopg.Connection, name: str) -> set[str]:
    """Names of the tables and views that a role may read."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace IN ('public'::regnamespace, to_regnamespace(%s)) "
        "AND relkind IN ('r', 'p', 'v') AND has_table_privilege(%s, oid, 'SELECT')",
        (name, name),
    )
    return {row[0] for row in rows} - {"pg_stat_statements", "pg_stat_statements_info"}


def rows_seen(connection: psycopg.Connection, name: str, **settings: str) -> Mapping[str, int]:
    """How many rows of each table a role sees with these settings, without tables that are empty for it."""
    counts = {}
    tables = readable(connection, name)
    with role(connection, name, **settings):
        for table in tables:
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
            assert row is not None
            counts[table] = row[0]
    return {table: count for table, count in counts.items() if count}


def test_every_table_that_a_request_can_touch_is_limited(owner: psycopg.Connection) -> None:
    """Fails for a new table that a role was given rights on although nothing limits its rows."""
    tables = owner.execute(
        "SELECT relname, relkind, relrowsecurity, "
        "EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'machine'), "
        "ARRAY(SELECT polroles[1]::regrole::text FROM pg_policy WHERE polrelid = pg_class.oid), "
        "ARRAY(SELECT role FROM unnest(%s::text[]) AS role WHERE "
        "has_any_column_privilege(role, pg_class.oid, 'SELECT, INSERT, UPDATE')) "
        "FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')",
        (list(LIMITED),),
    ).fetchall()
    limited_views = {
        name: {row[0] for row in owner.execute("SELECT viewname FROM pg_views WHERE schemaname = %s", (name,))}
        for name in LIMITED
    }
    for table, kind, has_row_security, of_machine, policies, touched_by in tables:
        if of_machine and (kind == "v" or table in HYPERTABLES):
            assert not touched_by, f"{table} has no policies, {touched_by} must see its views only"
            assert all(table in views for views in limited_views.values()), f"{table} has no limited views"
        elif of_machine:
            assert has_row_security, f"{table} has no row-level security"
            assert set(LIMITED) <= set(policies), f"{table} has policies for {policies}"
        elif touched_by:
            assert has_row_security, f"{table}: {touched_by} may touch it and nothing limits its rows"
            assert table in BY_OTHER_MEANS, f"{table}: is what limits its rows tested?"


def test_requests_have_no_rights_on_chunks(owner: psycopg.Connection) -> None:
    if owner.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'").fetchone() is None:
        pytest.skip("needs a server with TimescaleDB: set HYDROSIGHT_TEST_DATABASE")
    chunks = owner.execute(
        "SELECT relname, ARRAY(SELECT role FROM unnest(%s::text[]) AS role WHERE "
        "has_table_privilege(role, pg_class.oid, 'SELECT, INSERT, UPDATE, DELETE')) "
        "FROM pg_class WHERE relnamespace = '_timescaledb_internal'::regnamespace AND relname ~ '^(_|compress_hyper_)'",
        (list(LIMITED),),
    ).fetchall()
    assert len(chunks) > len(HYPERTABLES)
    assert [(chunk, touched_by) for chunk, touched_by in chunks if touched_by] == []


@pytest.mark.parametrize("name", LIMITED)
def test_a_setting_that_is_missing_or_forged_shows_nothing(owner: psycopg.Connection, name: str) -> None:
    assert rows_seen(owner, name) == {}
    for forged in ("", "acme,bolt", "%", "' OR 'a'='a", "{acme,bolt}", "ACME", "**"):
        assert rows_seen(owner, name, tenant=forged, machine=forged) == {}, forged
        assert rows_seen(owner, name, tenant=forged, machine=forged, machines="") == {}, forged
        assert rows_seen(owner, name, tenant=forged, machine=forged, machines="press,mixer") == {}, forged


def test_a_tenant_sees_its_rows_and_the_centre_sees_all(owner: psycopg.Connection) -> None:
    own = rows_seen(owner, "hydrosight_operator", tenant="acme", machines="")
    centre = rows_seen(owner, "hydrosight_operator", tenant="*", machines="")

    assert set(own) >= {"machines", "alerts", "gaps", "labels", "audit", "receipts", "health_by_hour", *HYPERTABLES}
    assert set(own.values()) == {1}
    assert centre == dict.fromkeys(own, 2) | {"tenants": 3}


def test_a_token_for_some_machines_sees_those(owner: psycopg.Connection) -> None:
    with owner.transaction(force_rollback=True):
        owner.execute("INSERT INTO machines (name, tenant) VALUES ('spare', 'acme')")

        assert rows_seen(owner, "hydrosight_operator", tenant="acme", machines="spare") == {
            "machines": 1,
            "tenants": 1,
        }
        assert "audit" not in rows_seen(owner, "hydrosight_operator", tenant="*", machines="spare")
        with role(owner, "hydrosight_operator", tenant="acme", machines="spare") as connection:
            connection.execute("INSERT INTO audit (who, act, subject, tenant) VALUES ('kim', 'did', 'it', 'acme')")
        assert "machines" not in rows_seen(owner, "hydrosight_operator", tenant="acme", machines="mixer")
        assert rows_seen(owner, "hydrosight_operator", tenant="*", machines="mixer,spare")["machines"] == 2
        assert rows_seen(owner, "hydrosight_operator", tenant="*", machines="mixer")["windows"] == 1


def test_a_box_sees_its_own_rows(owner: psycopg.Connection) -> None:
    seen = rows_seen(owner, "hydrosight_box", machine="press")

    assert set(seen) >= {"machines", "agents", "credentials", "alerts", *HYPERTABLES}
    assert set(seen.values()) == {1}


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO windows VALUES ('mixer', '2026-01-02', 'PS1', '2026-01-02 0:01', 1000000, '{1}')",
        "INSERT INTO window_readings VALUES ('mixer', '2026-01-02', 1, '{b}', '{}') ON CONFLICT DO NOTHING",
        "INSERT INTO diagnoses VALUES ('mixer', '2026-01-02', '2026-01-02', 1, 1, 'm', '1', '0', '{}')",
        "INSERT INTO component_diagnoses VALUES ('mixer', '2026-01-02', 'pump', 1, '0', 'h', 'n', 1, false)",
        "INSERT INTO alerts VALUES ('mixer', '2', 'raised', now(), 'pump', 'k', 's', 'm', '{}') ON CONFLICT DO NOTHING",
        "INSERT INTO gaps VALUES ('mixer', 'b', 1, now(), now(), '', '', '{}', 0, '') ON CONFLICT DO NOTHING",
        "INSERT INTO receipts (agent, boot, number, windows, diagnoses, alerts) VALUES ('mixer', 'b', 2, 0, 0, 0)",
        "INSERT INTO agents (id, machine, agent_version) VALUES ('second', 'mixer', '1')",
        "INSERT INTO credentials (id, agent, secret_sha256) VALUES ('stolen', 'mixer', '')",
        "INSERT INTO labels (machine, condition, start_time, end_time, said_by) VALUES ('press', '', now(), now(), '')",
        "UPDATE machines SET tenant = 'bolt'",
        "SELECT * FROM public.windows",
        "SELECT * FROM operators",
        "SELECT * FROM labels",
    ],
)
def test_a_box_can_not_write_about_another_machine_or_touch_what_is_not_its(
    owner: psycopg.Connection, statement: str
) -> None:
    with (
        role(owner, "hydrosight_box", machine="press") as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.WithCheckOptionViolation)),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    ["UPDATE agents SET revoked_at = now() WHERE machine = 'mixer'", "DELETE FROM credentials WHERE agent = 'mixer'"],
)
def test_what_a_box_changes_is_its_own(owner: psycopg.Connection, statement: str) -> None:
    with role(owner, "hydrosight_box", machine="press") as connection:
        assert connection.execute(statement.encode()).rowcount == 0


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO labels (machine, condition, start_time, end_time, said_by) VALUES ('mixer', '', now(), now(), '')",
        "INSERT INTO audit (who, act, subject, tenant) VALUES ('kim', 'did', 'it', 'bolt')",
        "INSERT INTO windows VALUES ('press', '2026-01-02', 'PS1', '2026-01-02 0:01', 1000000, '{1}')",
        "UPDATE machines SET tenant = 'bolt'",
        "SELECT * FROM public.diagnoses",
        "SELECT * FROM operators",
        "SELECT * FROM credentials",
        "SELECT * FROM enrolment_tokens",
    ],
)
def test_an_operator_can_not_write_to_another_tenant_or_read_secrets(owner: psycopg.Connection, statement: str) -> None:
    with (
        role(owner, "hydrosight_operator", tenant="acme", machines="") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize("table", ["machines", "windows", "diagnoses", "alerts", "labels", "audit", "health_by_hour"])
def test_whoever_has_not_said_who_it_is_reads_nothing(owner: psycopg.Connection, table: str) -> None:
    with role(owner, "hydrosight_entry") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"SELECT * FROM {table}".encode())


async def test_a_view_follows_its_table_and_a_policy_that_was_lost_comes_back(postgres_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
        await migrate(connection)
        await connection.execute("DROP POLICY hydrosight_box ON alerts")
        await connection.execute("ALTER TABLE gaps ADD COLUMN remark text")
        await connection.execute("ALTER TABLE window_readings ADD COLUMN remark text")
        await connection.execute("CREATE TABLE remarks (machine text, remark text)")

        await migrate(connection)

        policies = await connection.execute(
            "SELECT count(*) FROM pg_policy WHERE polname = 'hydrosight_box' AND polrelid IN "
            "('alerts'::regclass, 'remarks'::regclass)"
        )
        assert await policies.fetchone() == (2,)
        await connection.execute("SELECT remark FROM hydrosight_operator.window_readings")


async def test_an_owner_without_rights_on_roles_is_told_what_it_needs_and_with_them_is_enough(
    postgres_url: str,
) -> None:
    name = f"hydrosight_owner_{secrets.token_hex(6)}"
    url = make_conninfo(postgres_url, user=name, password="secret of the test")
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret of the test'".encode())
        admin.execute(f"ALTER DATABASE {admin.info.dbname} OWNER TO {name}".encode())
        try:
            with pytest.raises(DatabaseError, match="keeps tenants apart") as refused:
                await migrated(url)
            for role_name in ROLES:
                with suppress(psycopg.errors.DuplicateObject):
                    admin.execute(f"CREATE ROLE {role_name} NOLOGIN".encode())
                admin.execute(f"GRANT {role_name} TO {name}".encode())
            await migrated(url)
            with psycopg.connect(url, autocommit=True) as owner:
                fill(owner)
                own = rows_seen(owner, "hydrosight_box", machine="press")
        finally:
            admin.execute(f"ALTER DATABASE {admin.info.dbname} OWNER TO CURRENT_USER".encode())
            admin.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name}; DROP ROLE {name}".encode())
    assert "CREATEROLE" in refused.value.hint
    assert set(own.values()) == {1}
