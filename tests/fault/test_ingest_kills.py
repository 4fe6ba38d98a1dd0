"""Kill the centre and its database at random while a box sends: every row arrives, and exactly once."""

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from cloud_sync.edge.centre_client import CentreClient
from cloud_sync.edge.credential import write_credential
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.gate import Gate, Limits
from cloud_sync.edge.link import Link
from cloud_sync.edge.retry import RetryPolicy
from cloud_sync.edge.uplink import Uplink, UplinkStatus
from tests.memory_outbox import MemoryOutbox, sealed
from tests.servers.batches import SENSORS, make_batch
from tests.servers.centre import Centre
from tests.servers.postgres import PostgresServer, fresh_database

BATCHES = 150
WINDOWS = 2
ENROLMENT = {"token": "hse_000000000000_AAAA", "machine": "rig", "agent_version": "1"}


@pytest.mark.slow
def test_every_row_arrives_exactly_once(postgres_server: PostgresServer, tmp_path: Path) -> None:
    """The box sends in a thread; processes are killed and started in this one, which outlives them."""
    batches = (sealed(make_batch("rig", number, windows=WINDOWS)) for number in range(BATCHES))
    outbox, reports = MemoryOutbox(batches), list[UplinkStatus]()
    with fresh_database(postgres_server.url) as url, ThreadPoolExecutor(1) as box:
        centre = Centre(url, tmp_path / "centre.log")
        try:
            write_credential(tmp_path / "credential", enrol(Link(centre.url), centre.token("rig"), "rig", "1", ""))
            sending = box.submit(asyncio.run, _send_all(centre.url, outbox, tmp_path / "credential", reports))
            kills = _kill_at_random(random.Random(20), centre, postgres_server, outbox)
            sending.result(60)
        finally:
            postgres_server.start()
            centre.stop()

        assert kills >= 4
        assert outbox.refused == []
        assert sorted(outbox.acknowledged) == list(range(BATCHES))
        assert any(not report.healthy for report in reports)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM receipts").fetchone() == (BATCHES,)
            assert connection.execute("SELECT count(*) FROM diagnoses").fetchone() == (BATCHES * WINDOWS,)
            for table in ("alerts", "gaps", "clock_steps"):
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (BATCHES,)
            whole = connection.execute(
                "SELECT count(*) FROM (SELECT FROM windows GROUP BY start_time HAVING count(*) = %s)", (len(SENSORS),)
            ).fetchone()
            assert whole == (BATCHES * WINDOWS,)


async def _send_all(url: str, outbox: MemoryOutbox, credential: Path, reports: list[UplinkStatus]) -> None:
    policy = RetryPolicy(base_s=0.02, cap_s=0.2)
    async with CentreClient(Link(url)) as client, asyncio.timeout(120):
        jitter = random.Random("rig")
        gate = Gate(Limits(spread_s=0), jitter, time.monotonic())
        uplink = Uplink(client, outbox, credential, gate, report=reports.append, jitter=jitter, policy=policy)
        sending = asyncio.create_task(uplink.run(asyncio.Event()))
        await outbox.emptied.wait()
        sending.cancel()


def _kill_at_random(dice: random.Random, centre: Centre, postgres: PostgresServer, outbox: MemoryOutbox) -> int:
    """SIGKILL one or the other, at times of chance, until most is sent; how often."""
    kills = 0
    while len(outbox.acknowledged) < BATCHES * 0.8 and kills < 12:
        time.sleep(dice.uniform(0.02, 0.25))
        victim = dice.choice([centre, postgres])
        victim.kill()
        time.sleep(dice.uniform(0, 0.3))
        victim.start()
        kills += 1
    return kills


def test_a_database_that_is_down_is_said_once_and_its_return_once(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with fresh_database(postgres_server.url) as url:
        centre = Centre(url, tmp_path / "centre.log")
        try:
            with httpx.Client(base_url=centre.url, timeout=30) as client:
                assert client.get("/health/ready").status_code == 200
                postgres_server.kill()

                for _ in range(3):
                    answer = client.post("/api/v1/enrol", json=ENROLMENT)
                    assert answer.status_code == 503
                    assert int(answer.headers["Retry-After"]) > 0
                    assert answer.json()["detail"] == "the database doesn't answer"
                ready = client.get("/health/ready")
                assert ready.status_code == 503
                assert ready.json()["database"]
                assert client.get("/health/live").status_code == 200

                postgres_server.start()
                assert _wait_for_answer(client) == 401
                assert client.get("/health/ready").status_code == 200
        finally:
            postgres_server.start()
            centre.stop()
        assert centre.log.count('"database down"') == 1
        assert centre.log.count('"database up"') == 2
        assert "Traceback" not in centre.log


def test_a_centre_that_starts_before_its_database(postgres_server: PostgresServer, tmp_path: Path) -> None:
    with fresh_database(postgres_server.url) as url:
        postgres_server.stop()
        centre = Centre(url, tmp_path / "centre.log")
        try:
            with httpx.Client(base_url=centre.url, timeout=30) as client:
                assert client.get("/health/ready").status_code == 503
                postgres_server.start()
                assert _wait_for_answer(client) == 401
        finally:
            postgres_server.start()
            centre.stop()


def _wait_for_answer(client: httpx.Client, timeout_s: float = 10) -> int:
    """Status of an enrolment once the centre has its database again."""
    deadline = time.monotonic() + timeout_s
    while (status := client.post("/api/v1/enrol", json=ENROLMENT).status_code) == 503 and time.monotonic() < deadline:
        time.sleep(0.05)
    return status
