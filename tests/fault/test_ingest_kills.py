"""Kill the centre and its database at random while a box sends: every row arrives, and exactly once."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx
import psycopg
import pytest

from cloud_sync.batch_codec import encode_batch
from cloud_sync.edge.centre_client import CentreClient
from cloud_sync.edge.credential import write_credential
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.gate import Gate, Limits
from cloud_sync.edge.lane import Lane
from cloud_sync.edge.link import Link
from cloud_sync.edge.retry import RetryPolicy
from cloud_sync.edge.sealed_batch import SealedBatch
from cloud_sync.edge.uplink import Uplink, UplinkStatus
from tests.integration.cloud.conftest import send
from tests.memory_outbox import MemoryOutbox, sealed
from tests.rig.until import until
from tests.servers.batches import SENSORS, make_batch
from tests.servers.centre import Centre
from tests.servers.postgres import PostgresServer, fresh_database

KILLS = 8
WINDOWS = 2
SETTINGS = {"box_requests_per_minute": "0", "retry_after_s": "1"}
ENROLMENT = {"token": "hse_000000000000_AAAA", "machine": "rig", "agent_version": "1"}


@contextmanager
def a_batch_in_the_middle(url: str) -> Iterator[None]:
    """In the block a batch has its receipt and waits to write its windows, for which somebody holds the lock."""
    blocker, watcher = psycopg.connect(url), psycopg.connect(url, autocommit=True)
    try:
        blocker.execute("LOCK TABLE windows IN SHARE MODE")
        waits = "SELECT FROM pg_locks WHERE relation = 'windows'::regclass AND NOT granted"
        until(lambda: watcher.execute(waits).fetchone() is not None, "a batch waits for the lock")
        yield
    finally:
        blocker.close()
        watcher.close()


class EndlessOutbox(MemoryOutbox):
    """There is one more batch until `over`: however fast the machine is, each kill comes while the box sends."""

    def __init__(self, over: threading.Event) -> None:
        super().__init__()
        self.made = 0
        self._over = over

    async def next_batch(self, lanes: Sequence[Lane], max_bytes: int) -> SealedBatch | None:
        if not self.waiting and not self._over.is_set():
            self.waiting.append(sealed(make_batch("rig", self.made, windows=WINDOWS)))
            self.made += 1
        return await super().next_batch(lanes, max_bytes)


@pytest.mark.slow
def test_every_row_arrives_exactly_once(postgres_server: PostgresServer, tmp_path: Path) -> None:
    """The box sends in a thread; processes are killed and started in this one, which outlives them."""
    over, reports = threading.Event(), list[UplinkStatus]()
    outbox = EndlessOutbox(over)
    with fresh_database(postgres_server.url) as url, ThreadPoolExecutor(1) as box:
        centre = Centre(url, tmp_path / "centre.log", **SETTINGS)
        try:
            write_credential(tmp_path / "credential", enrol(Link(centre.url), centre.token("rig"), "rig", "1", ""))
            sending = box.submit(asyncio.run, _send_all(centre.url, outbox, tmp_path / "credential", over, reports))
            dice = random.Random(20)
            for victim in (centre, postgres_server) * (KILLS // 4):
                time.sleep(dice.uniform(0, 0.2))
                with a_batch_in_the_middle(url):
                    victim.kill()
                _start_once_reported(victim, reports)
                time.sleep(dice.uniform(0, 0.2))
                victim.kill()  # wherever it is
                _start_once_reported(victim, reports)
            over.set()
            sending.result(60)
        finally:
            over.set()
            postgres_server.start()
            centre.stop()

        assert outbox.refused == []
        assert outbox.acknowledged == list(range(outbox.made))
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM receipts").fetchone() == (outbox.made,)
            assert connection.execute("SELECT count(*) FROM diagnoses").fetchone() == (outbox.made * WINDOWS,)
            for table in ("alerts", "gaps", "clock_steps"):
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (outbox.made,)
            whole = connection.execute(
                "SELECT count(*) FROM (SELECT FROM windows GROUP BY start_time HAVING count(*) = %s)", (len(SENSORS),)
            ).fetchone()
            assert whole == (outbox.made * WINDOWS,)


def _start_once_reported(victim: Centre | PostgresServer, reports: Sequence[UplinkStatus]) -> None:
    """Start again what was killed, once the box says that it gets nothing through, and wait until it does."""
    until(lambda: bool(reports) and not reports[-1].healthy, "the box has noticed")
    victim.start()
    until(lambda: reports[-1].healthy, "the box goes on")


async def _send_all(
    url: str, outbox: EndlessOutbox, credential: Path, over: threading.Event, reports: list[UplinkStatus]
) -> None:
    policy = RetryPolicy(base_s=0.02, cap_s=0.2)
    async with CentreClient(Link(url)) as client, asyncio.timeout(400):
        jitter = random.Random("rig")
        gate = Gate(Limits(spread_s=0), jitter, time.monotonic())
        uplink = Uplink(client, outbox, credential, gate, report=reports.append, jitter=jitter, policy=policy)
        sending = asyncio.create_task(uplink.run(asyncio.Event()))
        while outbox.waiting or not over.is_set():  # noqa: ASYNC110  set in another thread
            await asyncio.sleep(0.01)
        sending.cancel()


class Box:
    """Sends batch after batch, each to one server after the other until it is acknowledged.

    Attributes:
        acknowledged: how many were; the next has this number, and goes first to the server of this number modulo all.
        missed: how often the one under way wasn't answered.
    """

    def __init__(self, machine: str, *centres: Centre) -> None:
        self.machine = machine
        self.acknowledged = 0
        self.missed = 0
        self._urls = [centre.url for centre in centres]
        self._credential = enrol(Link(centres[0].url), centres[0].token(machine), machine, "1", "").credential

    def send_until(self, over: threading.Event) -> None:
        """Until then, and what was begun to its end."""
        while not over.is_set():
            body = encode_batch(make_batch(self.machine, self.acknowledged, windows=WINDOWS))
            deadline = time.monotonic() + 120
            for attempt in count(self.acknowledged):
                assert time.monotonic() < deadline, f"batch {self.acknowledged} of {self.machine} isn't taken"
                try:
                    answer = send(self._urls[attempt % len(self._urls)], self._credential, body)
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code == 200:
                    break
                assert answer is None or answer.status_code == 503, answer.text
                self.missed += 1
                time.sleep(0.05)
            self.acknowledged += 1
            self.missed = 0


@pytest.mark.slow
def test_several_boxes_while_the_database_is_killed(postgres_server: PostgresServer, tmp_path: Path) -> None:
    """What each was acknowledged is there when it was acknowledged, and all of it in the end."""
    over = threading.Event()
    with fresh_database(postgres_server.url) as url, ThreadPoolExecutor(3) as threads:
        centre = Centre(url, tmp_path / "centre.log", **SETTINGS)
        try:
            boxes = [Box(machine, centre) for machine in ("rig", "press", "crane")]
            sending = [threads.submit(box.send_until, over) for box in boxes]
            dice = random.Random(7)
            for _ in range(4):
                time.sleep(dice.uniform(0.1, 0.4))
                with a_batch_in_the_middle(url):
                    postgres_server.kill()
                _start_once_noticed(postgres_server, boxes)
            over.set()
            for job in sending:
                job.result(60)
        finally:
            over.set()
            postgres_server.start()
            centre.stop()
        _assert_each_batch_once(url, boxes)


@pytest.mark.slow
def test_a_replica_is_killed_during_a_batch_and_the_other_takes_it(postgres_url: str, tmp_path: Path) -> None:
    """Both may have written it: the one that dies before or after its commit, the other when it is sent again."""
    over = threading.Event()
    replicas = [Centre(postgres_url, tmp_path / f"replica-{k}.log", **SETTINGS) for k in range(2)]
    with ThreadPoolExecutor(1) as thread:
        try:
            box = Box("rig", *replicas)
            sending = thread.submit(box.send_until, over)
            dice = random.Random(8)
            for _ in range(4):
                time.sleep(dice.uniform(0.05, 0.3))
                with a_batch_in_the_middle(postgres_url):
                    victim = replicas[box.acknowledged % 2]
                    victim.kill()
                _start_once_noticed(victim, [box])
            over.set()
            sending.result(60)
        finally:
            over.set()
            for replica in replicas:
                replica.stop()
    _assert_each_batch_once(postgres_url, [box])


def _start_once_noticed(victim: Centre | PostgresServer, boxes: Sequence[Box]) -> None:
    """Start again what was killed, once a box has missed an answer, and wait until all go on."""
    until(lambda: any(box.missed for box in boxes), "a box isn't answered")
    victim.start()
    sent = [box.acknowledged for box in boxes]
    until(lambda: all(box.acknowledged > n for box, n in zip(boxes, sent, strict=True)), "each box goes on")


def _assert_each_batch_once(url: str, boxes: Sequence[Box]) -> None:
    of_one_batch = {"windows": WINDOWS * len(SENSORS), "diagnoses": WINDOWS, "alerts": 1, "gaps": 1}
    with psycopg.connect(url) as connection:
        for box in boxes:
            receipts = "SELECT count(*) FROM receipts JOIN agents ON id = agent WHERE machine = %s"
            assert connection.execute(receipts, (box.machine,)).fetchone() == (box.acknowledged,)
            for table, rows in of_one_batch.items():
                counted = f"SELECT count(*) FROM {table} WHERE machine = %s"
                found = connection.execute(counted, (box.machine,)).fetchone()
                assert found == (box.acknowledged * rows,), (box.machine, table)


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


def _wait_for_answer(client: httpx.Client, timeout_s: float = 60) -> int:
    """Status of an enrolment once the centre has its database again."""
    deadline = time.monotonic() + timeout_s
    while (status := client.post("/api/v1/enrol", json=ENROLMENT).status_code) == 503 and time.monotonic() < deadline:
        time.sleep(0.05)
    return status
