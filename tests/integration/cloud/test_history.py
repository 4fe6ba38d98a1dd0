"""Health and completeness by hour and by day, and the columnstore behind them."""

from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.migrate import migrate
from cloud_sync.cloud.store.retention import prune_and_log
from cloud_sync.wire import Enrolment
from tests.integration.cloud.conftest import send
from tests.integration.cloud.test_migrate import connect
from tests.servers.batches import MINUTE_US, START_US, make_batch, time_of
from tests.servers.centre import Centre

HOUR_US = 60 * MINUTE_US
WINDOWS = 90
"""A minute each: they lie in two or three hours."""


async def migrate_with_timescaledb(connection: psycopg.AsyncConnection) -> None:
    preloaded = await connection.execute("SELECT current_setting('timescaledb.disable_load', true) IS NOT NULL")
    if (await preloaded.fetchone()) != (True,):
        pytest.skip("needs a server with TimescaleDB: set HYDROSIGHT_TEST_DATABASE")
    await migrate(connection)


@pytest.fixture
def filled(centre: Centre, box: Enrolment) -> None:
    assert send(centre.url, box.credential, make_batch("rig", 0, windows=WINDOWS)).status_code == 200


def hours() -> dict[datetime, int]:
    """Windows that begin in each hour."""
    starts = [START_US + k * MINUTE_US for k in range(WINDOWS)]
    return {
        time_of(hour): sum(s // HOUR_US * HOUR_US == hour for s in starts)
        for hour in {s // HOUR_US * HOUR_US for s in starts}
    }


@pytest.mark.usefixtures("filled")
def test_health_by_hour_and_day(operator: httpx.Client) -> None:
    by_hour = operator.get("/api/v1/machines/rig/health", params={"component": "pump"}).json()
    by_day = operator.get("/api/v1/machines/rig/health", params={"bucket": "day"}).json()

    assert {datetime.fromisoformat(item["start"]): item["windows"] for item in by_hour} == hours()
    assert [item["start"] for item in by_hour] == sorted((item["start"] for item in by_hour), reverse=True)
    assert all(item["mean_health"] == pytest.approx(0.6) and item["judged"] == item["windows"] for item in by_hour)
    valve = [item for item in by_day if item["component"] == "valve"]
    assert sum(item["windows"] for item in valve) == WINDOWS
    assert {(item["judged"], item["mean_health"]) for item in valve} == {(0, None)}, "it abstained"


@pytest.mark.usefixtures("filled")
def test_completeness_by_hour_and_paged(operator: httpx.Client) -> None:
    path = "/api/v1/machines/rig/completeness"
    first = operator.get(path, params={"limit": 1}).json()
    rest = operator.get(path, params={"before": first[0]["start"]}).json()

    found = {datetime.fromisoformat(item["start"]): item["windows"] for item in [*first, *rest]}
    assert found == hours()
    assert all(item["covered_s"] == 60 * item["windows"] for item in [*first, *rest])
    assert all(item["mean_completeness"] == 1.0 for item in [*first, *rest])


def test_wrong_questions_are_refused(centre: Centre, operator: httpx.Client) -> None:
    assert operator.get("/api/v1/machines/none/health").status_code == 404
    assert operator.get("/api/v1/machines/none/health", params={"bucket": "week"}).status_code == 422
    assert httpx.get(f"{centre.url}/api/v1/machines/rig/completeness").status_code == 401


async def test_views_become_continuous_aggregates_when_timescaledb_comes_later(postgres_url: str) -> None:
    async with await connect(postgres_url) as connection:
        await migrate_with_timescaledb(connection)
        aggregates = "SELECT view_name FROM timescaledb_information.continuous_aggregates ORDER BY 1"
        names = [row[0] for row in await (await connection.execute(aggregates)).fetchall()]
        assert names == ["completeness_by_day", "completeness_by_hour", "health_by_day", "health_by_hour"]

        await connection.execute("DROP MATERIALIZED VIEW health_by_hour CASCADE")
        await connection.execute("CREATE VIEW health_by_hour AS SELECT 1")
        await migrate(connection)

        assert [row[0] for row in await (await connection.execute(aggregates)).fetchall()] == names


async def test_late_rows_get_into_the_columnstore_once(postgres_url: str) -> None:
    async with await connect(postgres_url) as connection:
        await migrate_with_timescaledb(connection)
        start = datetime(2026, 1, 1, tzinfo=UTC)
        insert = "INSERT INTO windows VALUES ('rig', %s, 'PS1', %s, 1000000, %s) ON CONFLICT DO NOTHING"

        async def put(minute: int) -> int:
            at = start + timedelta(minutes=minute)
            return (await connection.execute(insert, (at, at + timedelta(minutes=1), [1.0] * 60))).rowcount

        assert sum([await put(minute) for minute in range(0, 100, 2)]) == 50
        await connection.execute("SELECT compress_chunk(chunk) FROM show_chunks('windows') AS chunk")

        assert [await put(minute) for minute in range(4)] == [0, 1, 0, 1]
        assert (await (await connection.execute("SELECT count(*) FROM windows")).fetchone()) == (52,)


async def test_aggregates_answer_alike_with_and_without_timescaledb(postgres_url: str) -> None:
    """The plain view's buckets are those of time_bucket."""
    async with await connect(postgres_url) as connection:
        await migrate(connection)
        at = datetime(2026, 3, 1, 23, 59, 30, tzinfo=UTC)
        await connection.execute("INSERT INTO machines (name) VALUES ('rig')")
        await connection.execute(
            "INSERT INTO component_diagnoses VALUES ('rig', %s, 'pump', 0.5, '1', 'moderate', 'normal', 1, false)",
            (at,),
        )
        found = await connection.execute(
            "SELECT d.bucket, h.bucket, d.mean_health FROM health_by_day d JOIN health_by_hour h USING (machine)"
        )
        assert await found.fetchone() == (at.replace(hour=0, minute=0, second=0), at.replace(minute=0, second=0), 0.5)


async def test_what_comes_later_than_a_month_is_aggregated_and_what_was_dropped_stays_so(postgres_url: str) -> None:
    now = datetime.now(UTC)
    insert = "INSERT INTO component_diagnoses VALUES ('rig', %s, 'pump', 0.5, '1', 'moderate', 'normal', 1, false)"
    months = [now - timedelta(days=days) for days in (0, 5, 70, 100)]
    async with await connect(postgres_url) as connection:
        await migrate_with_timescaledb(connection)
        await connection.execute("SELECT _timescaledb_functions.stop_background_workers()")  # the test runs the jobs

        async def days() -> int:
            found = await connection.execute("SELECT count(*) FROM health_by_day WHERE machine = 'rig'")
            return int((await found.fetchone() or (0,))[0])

        async def run_policies() -> None:
            policies = (
                "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name ~ 'refresh_continuous_aggregate'"
            )
            jobs = await (await connection.execute(policies)).fetchall()
            assert len(jobs) == 4
            for (job,) in jobs:
                await connection.execute(f"CALL run_job({job})")

        for at in months:
            await connection.execute(insert, (at,))
        await run_policies()
        assert await days() == 2, "those within their reach"
        async with await connect(postgres_url) as own:
            await prune_and_log(CloudSettings(), own)
        assert await days() == 4, "those before it too"

        await connection.execute(insert, (now - timedelta(days=85),))
        async with await connect(postgres_url) as own:
            await prune_and_log(CloudSettings(keep_diagnoses_days=75), own)
        await run_policies()
        assert (await (await connection.execute("SELECT count(*) FROM component_diagnoses")).fetchone()) == (3,)
        assert await days() == 4, "its rows are gone, the aggregate is not"
