"""Kill the centre and its database at random while a box sends: every row arrives, and exactly once."""

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
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
from cloud_sync.wire import encode_batch
from tests.integration.cloud.conftest import send
from tests.memory_outbox import MemoryOutbox, sealed
from tests.servers.batches import SENSORS, make_batch
from tests.servers.centre import Centre
from tests.servers.postgres import PostgresServer, fresh_database

BATCHES = 150
WINDOWS = 2
SHARED_BATCHES = 40
"""Of each box, where several boxes or servers share the work."""
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


@pytest.mark.slow
def test_several_boxes_while_the_database_is_killed(postgres_server: PostgresServer, tmp_path: Path) -> None:
    """What each was acknowledged is there when it was acknowledged, and all of it in the end."""
    machines = ("rig", "press", "crane")
    with fresh_database(postgres_server.url) as url, ThreadPoolExecutor(len(machines)) as boxes:
        centre = Centre(url, tmp_path / "centre.log", box_requests_per_minute="0")
        try:
            credentials = [
                enrol(Link(centre.url), centre.token(machine), machine, "1", "").credential for machine in machines
            ]
            sending = [
                boxes.submit(_send_until_acknowledged, [centre.url], credential, machine)
                for machine, credential in zip(machines, credentials, strict=True)
            ]
            dice = random.Random(7)
            for _ in range(4):
                time.sleep(dice.uniform(0.1, 0.4))
                postgres_server.kill()
                time.sleep(dice.uniform(0, 0.2))
                postgres_server.start()
            unanswered = sum(job.result(250) for job in sending)
        finally:
            postgres_server.start()
            centre.stop()
        assert unanswered > 0
        _assert_each_batch_once(url, machines)


@pytest.mark.slow
def test_a_replica_is_killed_during_a_batch_and_the_other_takes_it(postgres_url: str, tmp_path: Path) -> None:
    """Both may have written it: the one that dies before or after its commit, the other when it is sent again."""
    replicas = [Centre(postgres_url, tmp_path / f"replica-{k}.log", box_requests_per_minute="0") for k in range(2)]
    with ThreadPoolExecutor(1) as box:
        try:
            credential = enrol(Link(replicas[0].url), replicas[0].token("rig"), "rig", "1", "").credential
            urls = [replica.url for replica in replicas]
            sending = box.submit(_send_until_acknowledged, urls, credential, "rig")
            dice = random.Random(8)
            kills = 0
            while not sending.done() and kills < 3:
                time.sleep(dice.uniform(0.05, 0.3))
                replicas[kills % 2].kill()
                replicas[kills % 2].start()
                kills += 1
            unanswered = sending.result(250)
        finally:
            for replica in replicas:
                replica.stop()
    assert unanswered > 0
    _assert_each_batch_once(postgres_url, ("rig",))


def _send_until_acknowledged(urls: list[str], credential: str, machine: str) -> int:
    """Each batch to one server after the other until one acknowledges it; how many tries came to nothing."""
    unanswered, deadline = 0, time.monotonic() + 240
    for number in range(SHARED_BATCHES):
        body = encode_batch(make_batch(machine, number, windows=WINDOWS))
        for attempt in count():
            try:
                answer = send(urls[(number + attempt) % len(urls)], credential, body)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                break
            assert answer is None or answer.status_code == 503, answer.text
            assert time.monotonic() < deadline, f"batch {number} of {machine} isn't taken"
            unanswered += 1
            time.sleep(0.05)
    return unanswered


def _assert_each_batch_once(url: str, machines: tuple[str, ...]) -> None:
    of_one_batch = {"windows": WINDOWS * len(SENSORS), "diagnoses": WINDOWS, "alerts": 1, "gaps": 1}
    with psycopg.connect(url) as connection:
        for machine in machines:
            receipts = "SELECT count(*) FROM receipts JOIN agents ON id = agent WHERE machine = %s"
            assert connection.execute(receipts, (machine,)).fetchone() == (SHARED_BATCHES,)
            for table, rows in of_one_batch.items():
                found = connection.execute(f"SELECT count(*) FROM {table} WHERE machine = %s", (machine,)).fetchone()
                assert found == (SHARED_BATCHES * rows,), (machine, table)


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
