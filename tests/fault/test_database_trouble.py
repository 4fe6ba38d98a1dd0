"""A database that hangs, is slow, full or has no connection left: quick answers, nothing lost, and back by itself."""

import asyncio
import itertools
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from cloud_sync.batch_codec import CONTENT_TYPE, encode_batch
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import Enrolment
from tests.rig.until import until
from tests.servers.batches import make_batch
from tests.servers.centre import Centre
from tests.servers.postgres import PostgresServer, fresh_database


class Box:
    """Sends its batches and notes what is acknowledged."""

    def __init__(self, centre: Centre) -> None:
        self.machine = "rig"
        self.enrolment: Enrolment = enrol(Link(centre.url), centre.token("rig"), "rig", "1", "")
        self.client = httpx.Client(
            base_url=centre.url,
            headers={"Authorization": f"Bearer {self.enrolment.credential}", "Content-Type": CONTENT_TYPE},
            timeout=60,
        )
        self.acknowledged: set[int] = set()

    def send(self, number: int) -> httpx.Response:
        answer = self.client.post("/api/v1/ingest", content=encode_batch(make_batch("rig", number)))
        if answer.status_code == 200:
            self.acknowledged.add(number)
        return answer

    def send_until_taken(self, number: int) -> None:
        def taken() -> bool:
            answer = self.send(number)
            assert answer.status_code in {200, 503}, answer.text
            return answer.status_code == 200

        until(taken, f"batch {number} is taken")


def assert_clean(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0


def stored(url: str) -> set[int]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT number FROM receipts")}


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    with fresh_database(postgres_server.url) as url:
        yield url


@pytest.fixture
def centre(database: str, tmp_path: Path) -> Iterator[Centre]:
    centre = Centre(database, tmp_path / "centre.log", pool_size="2", pool_wait_s="0.5")
    yield centre
    centre.stop()


def test_a_database_that_hangs_opens_the_breaker_and_whoever_waited_is_told(
    postgres_server: PostgresServer, database: str, centre: Centre
) -> None:
    box = Box(centre)
    box.send_until_taken(0)
    postgres_server.signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(6) as threads:
            for answer in threads.map(box.send, range(1, 7)):  # some with a connection, some without
                assert_clean(answer)
        assert box.client.get("/health/live").status_code == 200
        until(lambda: box.client.get("/health/ready").status_code == 503, "the breaker opens")
        assert "database_breaker 0.0" not in box.client.get("/metrics").text
        assert_clean(box.send(7))
    finally:
        postgres_server.signal(signal.SIGCONT)
    box.send_until_taken(8)

    assert centre.log.count('"database down"') == 1
    assert "Traceback" not in centre.log
    assert stored(database) >= box.acknowledged == {0, 8}


def test_one_that_hangs_and_is_killed_then_is_back_as_soon_as_it_is(
    postgres_server: PostgresServer, database: str, centre: Centre
) -> None:
    box = Box(centre)
    box.send_until_taken(0)
    postgres_server.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(box.send, 1)
        postgres_server.signal(signal.SIGKILL)
        postgres_server.kill()
        assert_clean(answer.result(60))
    postgres_server.start()
    for number in range(2, 6):
        box.send_until_taken(number)

    assert stored(database) == box.acknowledged


async def test_with_all_connections_in_use_one_waits_and_the_rest_are_told_to_come_again(
    database: str, tmp_path: Path
) -> None:
    """Somebody holds a lock, so the one connection there is stays busy."""
    centre = await asyncio.to_thread(Centre, database, tmp_path / "one.log", pool_size="1", ingest_wait_s="0.2")
    try:
        box = await asyncio.to_thread(Box, centre)
        async with await psycopg.AsyncConnection.connect(database) as blocker, httpx.AsyncClient(timeout=60) as client:
            await blocker.execute("LOCK TABLE agents")
            requests = [
                client.post(
                    f"{centre.url}/api/v1/ingest",
                    content=encode_batch(make_batch("rig", number)),
                    headers=dict(box.client.headers),
                )
                for number in range(20)
            ]
            answers = asyncio.as_completed(requests)
            for answer in itertools.islice(answers, 19):
                assert_clean(refused := await answer)
                assert "wait for their turn" in refused.json()["detail"]
            await blocker.rollback()
            assert (await next(answers)).status_code == 200
        assert 'refused_for_load_total{reason="ingest"} 19.0' in (await asyncio.to_thread(metrics, centre))
        assert '"database down"' not in centre.log
        assert len(stored(database)) == 1
    finally:
        await asyncio.to_thread(centre.stop)


def metrics(centre: Centre) -> str:
    return httpx.get(f"{centre.url}/metrics").text
