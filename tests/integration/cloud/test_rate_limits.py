"""Budgets of requests, over real servers: who is refused, how, and who isn't."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
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
from cloud_sync.edge.uplink import Uplink
from cloud_sync.wire import Enrolment
from tests.integration.cloud.conftest import send
from tests.memory_outbox import MemoryOutbox, sealed
from tests.servers.batches import make_batch
from tests.servers.centre import Centre
from tests.servers.redis import RedisServer

MakeCentre = Callable[..., Centre]


@pytest.fixture
def make_centre(postgres_url: str, tmp_path: Path) -> Iterator[MakeCentre]:
    centres: list[Centre] = []

    def make(**settings: str) -> Centre:
        centres.append(Centre(postgres_url, tmp_path / f"centre-{len(centres)}.log", **settings))
        return centres[-1]

    yield make
    for centre in centres:
        centre.stop()


def enrolled(centre: Centre, machine: str) -> Enrolment:
    return enrol(Link(centre.url), centre.token(machine), machine, "1", "")


def guess(centre: Centre, address: str = "127.0.0.1") -> httpx.Response:
    headers = {"Authorization": "Bearer hsa_0_0", "X-Forwarded-For": address}
    return httpx.post(f"{centre.url}/api/v1/ingest", headers=headers)


def test_a_box_over_its_budget_is_told_when_to_come_again_and_others_go_on(
    make_centre: MakeCentre, postgres_url: str
) -> None:
    centre = make_centre(box_requests_per_minute="3")
    eager, calm = enrolled(centre, "eager"), enrolled(centre, "calm")

    answers = [send(centre.url, eager.credential, make_batch("eager", number)) for number in range(12)]

    taken = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(taken) + len(refused) == 12
    assert 3 <= len(taken) <= 7  # the minute may turn meanwhile
    for answer in refused:
        assert answer.headers["content-type"] == "application/problem+json"
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert answer.headers["RateLimit-Policy"] == '"boxes";q=3;w=60'
        assert answer.headers["RateLimit"].startswith('"boxes";r=0;t=')
        assert answer.json()["type"] == "urn:hydrosight:problem:too-many"
        assert answer.json()["trace_id"]
    assert taken[0].headers["RateLimit"] == '"boxes";r=2;t=0'
    assert send(centre.url, calm.credential, make_batch("calm", 0)).status_code == 200
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM receipts").fetchone() == (len(taken) + 1,)
    assert f'refused_for_load_total{{reason="boxes"}} {len(refused)}.0' in httpx.get(f"{centre.url}/metrics").text


def test_wrong_credentials_use_up_their_address_s_tries_and_no_one_s_credential(make_centre: MakeCentre) -> None:
    centre = make_centre(refused_tries_per_minute="3")
    known, token = enrolled(centre, "rig"), centre.token("press")
    assert send(centre.url, known.credential, make_batch("rig", 0)).status_code == 200

    codes = [guess(centre).status_code for _ in range(12)]

    assert codes[:3] == [401] * 3
    assert codes[-1] == 429
    enrolment = {"token": token, "machine": "press", "agent_version": "1"}
    assert httpx.post(f"{centre.url}/api/v1/enrol", json=enrolment).status_code == 429
    assert send(centre.url, known.credential, make_batch("rig", 1)).status_code == 200
    assert httpx.get(f"{centre.url}/health/ready").status_code == 200


def test_enrolments_that_fail_are_counted_and_those_that_succeed_are_not(make_centre: MakeCentre) -> None:
    centre = make_centre(refused_tries_per_minute="2")

    for number in range(6):
        enrolled(centre, f"rig-{number}")
    wrong = {"token": "hse_000000000000_AAAA", "machine": "rig", "agent_version": "1"}
    codes = [httpx.post(f"{centre.url}/api/v1/enrol", json=wrong).status_code for _ in range(8)]

    assert codes[:2] == [401, 401]
    assert codes[-1] == 429


def test_behind_a_proxy_each_address_has_its_own_tries_and_only_a_trusted_one_is_believed(
    make_centre: MakeCentre,
) -> None:
    trusting = make_centre(refused_tries_per_minute="2")
    wary = make_centre(refused_tries_per_minute="2", forwarded_allow_ips="192.0.2.7")

    for number in range(10):
        assert guess(trusting, f"198.51.100.{number}").status_code == 401
    assert guess(wary, "198.51.100.1").status_code == 401
    assert [guess(wary, f"198.51.100.{number}").status_code for number in range(8)][-1] == 429


def test_servers_with_one_redis_share_the_count_and_count_alone_while_it_is_away(
    make_centre: MakeCentre, tmp_path: Path
) -> None:
    redis = RedisServer(tmp_path)
    try:
        settings = {"redis_url": redis.url, "box_requests_per_minute": "4"}
        centres = make_centre(**settings), make_centre(**settings)
        box = enrolled(centres[0], "rig")
        codes = [send(centres[n % 2].url, box.credential, make_batch("rig", n)).status_code for n in range(16)]
        assert 4 <= codes.count(200) <= 8
        assert codes[-2:] == [429, 429]

        redis.kill()
        alone = [send(centre.url, box.credential, make_batch("rig", 20)).status_code for centre in centres * 2]
        assert alone == [200] * 4
        assert [centre.log.count("rate limits count per server") for centre in centres] == [1, 1]
        assert "rate_limits_shared 0.0" in httpx.get(f"{centres[0].url}/metrics").text

        redis.start()
        deadline = time.monotonic() + 20
        while "shared again" not in centres[0].log and time.monotonic() < deadline:
            time.sleep(0.2)
            guess(centres[0])
        assert "rate limits are shared again" in centres[0].log
    finally:
        redis.kill()
    assert "Traceback" not in centres[0].log + centres[1].log


async def test_a_box_that_is_told_to_wait_waits_so_long_and_keeps_the_batch(
    make_centre: MakeCentre, tmp_path: Path
) -> None:
    centre = await asyncio.to_thread(make_centre, box_requests_per_minute="2")
    write_credential(tmp_path / "credential", await asyncio.to_thread(enrolled, centre, "rig"))
    outbox = MemoryOutbox(sealed(make_batch("rig", number)) for number in range(8))
    waits: list[float] = []
    told_to_wait = asyncio.Event()

    async def sleep(wait_s: float) -> None:
        waits.append(wait_s)
        told_to_wait.set()
        await asyncio.Event().wait()

    async with CentreClient(Link(centre.url)) as client:
        jitter = random.Random("rig")
        gate = Gate(Limits(spread_s=0), jitter, time.monotonic())
        uplink = Uplink(
            client, outbox, tmp_path / "credential", gate,
            report=lambda status: None, jitter=jitter, policy=RetryPolicy(base_s=0.001), sleep=sleep,
        )  # fmt: skip
        sending = asyncio.create_task(uplink.run(asyncio.Event()))
        async with asyncio.timeout(30):
            await told_to_wait.wait()
        sending.cancel()
        await asyncio.wait([sending])

    assert waits[0] >= 1
    assert outbox.refused == []
    assert 2 <= len(outbox.acknowledged) < 8
