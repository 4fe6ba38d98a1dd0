"""Budgets of requests, over real servers: who is refused, how, and who isn't.

A minute of the budget may turn at any moment of a test; then a few more requests are allowed, at most as many again.
"""

import asyncio
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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

QUOTA = 3
"""Requests a minute of a box, and refused tries of an address."""

MakeCentre = Callable[..., Centre]


@pytest.fixture(scope="module")
def make_centre(module_postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeCentre]:
    with ExitStack() as stack:

        def make(**more: str) -> Centre:
            quotas = dict.fromkeys(("box_requests_per_minute", "refused_tries_per_minute"), str(QUOTA))
            log = tmp_path_factory.mktemp("centre") / "centre.log"
            centre = Centre(module_postgres_url, log, **quotas, **more)
            stack.callback(centre.stop)
            return centre

        yield make


@pytest.fixture(scope="module")
def centre(make_centre: MakeCentre) -> Centre:
    """One for all tests: each has machines and an address of its own, so budgets of its own."""
    return make_centre()


def enrolled(centre: Centre, machine: str) -> Enrolment:
    return enrol(Link(centre.url), centre.token(machine), machine, "1", "")


def guess(centre: Centre, address: str) -> int:
    """Each time with another credential, so that it is the address's budget that is drawn on."""
    headers = {"Authorization": f"Bearer hsa_{secrets.token_hex(4)}_0", "X-Forwarded-For": address}
    return httpx.post(f"{centre.url}/api/v1/ingest", headers=headers).status_code


def try_to_enrol(centre: Centre, address: str, token: str) -> int:
    request = {"token": token, "machine": "press", "agent_version": "1"}
    return httpx.post(f"{centre.url}/api/v1/enrol", json=request, headers={"X-Forwarded-For": address}).status_code


def refusals(centre: Centre) -> float:
    """How many requests of boxes the centre has refused for their budget."""
    said = re.search(
        r'^\S+refused_for_load_total\{reason="boxes"\} (\S+)', httpx.get(f"{centre.url}/metrics").text, re.MULTILINE
    )
    return 0 if said is None else float(said[1])


def test_a_box_over_its_budget_is_told_when_to_come_again_and_others_go_on(
    centre: Centre, module_postgres_url: str
) -> None:
    eager, calm = enrolled(centre, "eager"), enrolled(centre, "calm")
    refused_before = refusals(centre)

    answers = [send(centre.url, eager.credential, make_batch("eager", number)) for number in range(12)]

    taken = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(taken) + len(refused) == 12
    assert QUOTA <= len(taken) <= 2 * QUOTA
    for answer in refused:
        assert answer.headers["content-type"] == "application/problem+json"
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert answer.headers["RateLimit-Policy"] == f'"boxes";q={QUOTA};w=60'
        assert answer.headers["RateLimit"].startswith('"boxes";r=0;t=')
        assert answer.json()["type"] == "urn:hydrosight:problem:too-many"
        assert answer.json()["trace_id"]
    assert taken[0].headers["RateLimit"] == f'"boxes";r={QUOTA - 1};t=0'
    assert send(centre.url, calm.credential, make_batch("calm", 0)).status_code == 200
    with psycopg.connect(module_postgres_url) as connection:
        receipts = "SELECT count(*) FROM receipts JOIN agents ON id = agent WHERE machine = 'eager'"
        assert connection.execute(receipts).fetchone() == (len(taken),)
    assert refusals(centre) - refused_before == len(refused)


def test_wrong_credentials_use_up_their_address_s_tries_and_no_one_s_credential(centre: Centre) -> None:
    known, token = enrolled(centre, "rig"), centre.token("press")

    codes = [guess(centre, "198.51.100.1") for _ in range(12)]

    assert codes[:QUOTA] == [401] * QUOTA
    assert 429 in codes[-2:]
    assert 429 in [try_to_enrol(centre, "198.51.100.1", token), guess(centre, "198.51.100.1")]
    assert guess(centre, "198.51.100.2") == 401
    assert send(centre.url, known.credential, make_batch("rig", 0)).status_code == 200
    assert httpx.get(f"{centre.url}/health/ready").status_code == 200


def test_enrolments_that_fail_are_counted_and_those_that_succeed_are_not(centre: Centre) -> None:
    for number in range(2 * QUOTA + 1):
        enrolled(centre, f"press-{number}")

    codes = [try_to_enrol(centre, "198.51.100.3", "hse_000000000000_AAAA") for _ in range(8)]

    assert codes[:QUOTA] == [401] * QUOTA
    assert 429 in codes[-2:]


def test_behind_a_proxy_that_is_not_trusted_what_it_says_of_addresses_is_not_believed(make_centre: MakeCentre) -> None:
    wary = make_centre(forwarded_allow_ips="192.0.2.7")

    assert 429 in [guess(wary, f"198.51.100.{number}") for number in range(2 * QUOTA + 2)]


def test_servers_with_one_redis_share_the_count_and_count_alone_while_it_is_away(
    make_centre: MakeCentre, tmp_path: Path
) -> None:
    redis = RedisServer(tmp_path)
    try:
        centres = make_centre(redis_url=redis.url), make_centre(redis_url=redis.url)
        box = enrolled(centres[0], "mixer")
        codes = [send(centres[n % 2].url, box.credential, make_batch("mixer", n)).status_code for n in range(16)]
        assert QUOTA <= codes.count(200) <= 2 * QUOTA
        assert set(codes) == {200, 429}

        redis.kill()
        alone = [send(centre.url, box.credential, make_batch("mixer", 20)).status_code for centre in centres]
        assert alone == [200] * 2
        assert [centre.log.count("rate limits count per server") for centre in centres] == [1, 1]
        assert "rate_limits_shared 0.0" in httpx.get(f"{centres[0].url}/metrics").text

        redis.start()
        deadline = time.monotonic() + 60
        while "shared again" not in centres[0].log and time.monotonic() < deadline:
            time.sleep(0.2)
            guess(centres[0], "198.51.100.4")
        assert "rate limits are shared again" in centres[0].log
    finally:
        redis.kill()
    assert "Traceback" not in centres[0].log + centres[1].log


async def test_a_box_that_is_told_to_wait_waits_so_long_and_keeps_the_batch(centre: Centre, tmp_path: Path) -> None:
    write_credential(tmp_path / "credential", await asyncio.to_thread(enrolled, centre, "crane"))
    outbox = MemoryOutbox(sealed(make_batch("crane", number)) for number in range(8))
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
        async with asyncio.timeout(60):
            await told_to_wait.wait()
        sending.cancel()
        await asyncio.wait([sending])

    assert waits[0] >= 1
    assert outbox.refused == []
    assert QUOTA <= len(outbox.acknowledged) < 8
