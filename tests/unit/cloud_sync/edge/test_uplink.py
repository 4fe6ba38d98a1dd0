"""The uplink against a centre that answers as the test says."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
import pytest

from cloud_sync.batch_codec import decode_batch
from cloud_sync.edge.centre_client import CentreClient
from cloud_sync.edge.credential import write_credential
from cloud_sync.edge.gate import Gate, Limits, Permit
from cloud_sync.edge.lane import EVERY_LANE
from cloud_sync.edge.link import Link
from cloud_sync.edge.retry import RetryPolicy
from cloud_sync.edge.uplink import Uplink, UplinkStatus
from cloud_sync.wire import Acknowledgement, Batch, Enrolment
from edge_runtime.errors import CentreUnreachableError, CredentialError
from tests.memory_outbox import MemoryOutbox, sealed

EVERYTHING = Permit(EVERY_LANE, 2**22, ())
Answer = Callable[[httpx.Request], httpx.Response]


class Bench:
    """An uplink, its outbox, and what it reported and how long it waited. `answers` are used up, the last one stays."""

    def __init__(self, folder: Path, count: int, *answers: Answer) -> None:
        self.outbox = MemoryOutbox(sealed(Batch("boot", number)) for number in range(count))
        self.credential_file = folder / "credential.json"
        write_credential(self.credential_file, Enrolment("a1", "hsa_a1_first", "rig"))
        self.reports: list[UplinkStatus] = []
        self.waits: list[float] = []
        self.on_wait: Callable[[], None] = lambda: None
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.uplink = Uplink(
            CentreClient(Link("https://centre"), httpx.MockTransport(self._answer)),
            self.outbox,
            self.credential_file,
            Gate(Limits(spread_s=0), random.Random("rig"), 0.0),
            report=self.reports.append,
            jitter=random.Random("rig"),
            policy=RetryPolicy(credential_s=20, credential_look_s=5),
            sleep=self._sleep,
        )

    async def run_until_empty(self) -> None:
        wake = asyncio.Event()
        task = asyncio.create_task(self.uplink.run(wake))
        async with asyncio.timeout(60):
            await self.outbox.emptied.wait()
            await asyncio.sleep(0)  # the report of the last one
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return (self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])(request)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.on_wait()
        await asyncio.sleep(0)


def accepts(request: httpx.Request) -> httpx.Response:
    batch = decode_batch(request.content)
    return httpx.Response(200, content=msgspec.json.encode(Acknowledgement(batch.boot, batch.number, duplicate=False)))


def refuses(status: int, *, ours: bool = True, **headers: str) -> Answer:
    document = {"type": "urn:hydrosight:problem:unfit", "detail": "no good", "hint": "do better"}
    content_type = "application/problem+json" if ours else "text/html"

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=document, headers={"Content-Type": content_type, **headers})

    return answer


def is_down(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


async def test_batches_go_in_order_and_the_first_success_is_reported_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 5, accepts)

    await bench.run_until_empty()

    assert bench.outbox.acknowledged == [0, 1, 2, 3, 4]
    assert [report.healthy for report in bench.reports] == [True]
    assert bench.requests[0].headers["authorization"] == "Bearer hsa_a1_first"
    assert bench.waits == []


async def test_nothing_to_send(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 0, accepts)

    assert await bench.uplink.send_one(EVERYTHING) is False
    assert bench.requests == []


async def test_a_wake_up_ends_the_wait_for_something_to_send(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 0, accepts)
    wake = asyncio.Event()
    task = asyncio.create_task(bench.uplink.run(wake))
    await asyncio.sleep(0.01)

    bench.outbox.waiting.append(sealed(Batch("boot", 7)))
    wake.set()
    async with asyncio.timeout(60):
        await bench.outbox.emptied.wait()

    task.cancel()
    assert bench.outbox.acknowledged == [7]


async def test_an_outage_is_reported_once_and_its_end_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 1, is_down, is_down, refuses(503), refuses(502, ours=False), accepts)

    await bench.run_until_empty()

    assert [report.healthy for report in bench.reports] == [False, True]
    assert "no answer" in bench.reports[0].message
    assert bench.reports[0].hint
    assert len(bench.waits) == 4


async def test_the_centre_says_how_long_to_wait(tmp_path: Path) -> None:
    retry_later = refuses(503, **{"Retry-After": "120"})
    bench = Bench(tmp_path, 1, retry_later, accepts)

    await bench.run_until_empty()

    assert 120 <= bench.waits[0] <= 121


@pytest.mark.parametrize("value", ["-5", "soon", "1e9", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_retry_after_that_says_nothing_is_left_aside(tmp_path: Path, value: str) -> None:
    bench = Bench(tmp_path, 1, refuses(503, **{"Retry-After": value}))

    with pytest.raises(CentreUnreachableError) as refused:
        await bench.uplink.send_one(EVERYTHING)

    assert refused.value.retry_after_s is None


async def test_a_date_to_wait_for_is_taken_by_the_centres_own_clock(tmp_path: Path) -> None:
    """Whatever year this box believes it is."""
    dates = {"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    bench = Bench(tmp_path, 1, refuses(503, **dates), accepts)

    await bench.run_until_empty()

    assert 30 <= bench.waits[0] <= 31


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_credential_keeps_the_outbox_and_is_reported_once(tmp_path: Path, status: int) -> None:
    bench = Bench(tmp_path, 1, refuses(status), refuses(status), accepts)

    await bench.run_until_empty()

    assert [report.healthy for report in bench.reports] == [False, True]
    assert bench.waits == [5.0] * 8  # 20 s after each refusal, looking every 5 s for another credential
    assert bench.outbox.acknowledged == [0]


async def test_a_new_enrolment_is_taken_up_without_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 1, refuses(401), accepts)
    bench.on_wait = lambda: write_credential(bench.credential_file, Enrolment("a2", "hsa_a2_second", "rig"))

    await bench.run_until_empty()

    assert bench.waits == [5.0]
    assert bench.requests[-1].headers["authorization"] == "Bearer hsa_a2_second"


async def test_a_box_that_is_not_enrolled_says_how(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 1, accepts)
    bench.credential_file.unlink()

    with pytest.raises(CredentialError) as refused:
        await bench.uplink.send_one(EVERYTHING)

    assert "hydrosight enrol" in refused.value.hint
    assert bench.requests == []


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_batch_that_the_centre_cannot_take_does_not_hold_up_the_rest(tmp_path: Path, status: int) -> None:
    bench = Bench(tmp_path, 3, accepts, refuses(status), accepts)

    await bench.run_until_empty()

    assert bench.outbox.acknowledged == [0, 2]
    assert bench.outbox.refused == [(1, "the centre says: no good")]


@pytest.mark.parametrize("status", [400, 422, 404, 409, 302, 500, 503])
async def test_a_proxys_refusal_loses_nothing(tmp_path: Path, status: int) -> None:
    """A limit of something on the way, or a login page, isn't the centre's word."""
    bench = Bench(tmp_path, 1, refuses(status, ours=False), accepts)

    await bench.run_until_empty()

    assert bench.outbox.refused == []
    assert bench.outbox.acknowledged == [0]


@pytest.mark.parametrize(
    "content",
    [b"<html>Please log in</html>", b"{}", msgspec.json.encode(Acknowledgement("boot", 99, duplicate=False))],
)
async def test_an_answer_that_is_no_acknowledgement_of_the_batch_keeps_it(tmp_path: Path, content: bytes) -> None:
    bench = Bench(tmp_path, 1, lambda _: httpx.Response(200, content=content))

    with pytest.raises(CentreUnreachableError):
        await bench.uplink.send_one(EVERYTHING)

    assert len(bench.outbox.waiting) == 1
