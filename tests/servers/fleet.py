"""Many boxes that send to one centre at once, each as a box does: wait when told to, and send the same again."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import psycopg

from cloud_sync.batch_codec import CONTENT_TYPE
from cloud_sync.cloud.access.enrolment import create_token
from cloud_sync.edge.centre import raise_for_answer
from cloud_sync.edge.retry import RetryPolicy
from edge_runtime.errors import CentreUnreachableError

_ENROL_AT_ONCE = 16


@dataclass(slots=True)
class FleetResult:
    """What became of the batches of a fleet.

    Attributes:
        answers: how often each HTTP status came; 0 for none.
        without_retry_after: refusals for load that don't say when to come again.
        latency_s: of every request that was answered 200.
        seconds: from the first request to the last acknowledgement.
    """

    answers: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0
    latency_s: list[float] = field(default_factory=list)
    seconds: float = 0.0


async def enrol_all(database_url: str, centre_url: str, machines: Sequence[str]) -> dict[str, str]:
    """Credential by machine, each enrolled over HTTP with a token of its own."""
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        tokens = {machine: (await create_token(connection, machine, timedelta(hours=1))).token for machine in machines}
    turns = asyncio.Semaphore(_ENROL_AT_ONCE)

    async def enrol(client: httpx.AsyncClient, machine: str) -> str:
        async with turns:
            request = {"token": tokens[machine], "machine": machine, "agent_version": "1"}
            answer = await client.post("/api/v1/enrol", json=request)
            return str(answer.raise_for_status().json()["credential"])

    async with httpx.AsyncClient(base_url=centre_url, timeout=60) as client:
        credentials = await asyncio.gather(*(enrol(client, machine) for machine in machines))
    return dict(zip(machines, credentials, strict=True))


async def send_all(
    centre_url: str, credentials: Mapping[str, str], bodies: Mapping[str, Sequence[bytes]], policy: RetryPolicy
) -> FleetResult:
    """Every box sends its batches one after the other, all boxes at once, until each is acknowledged."""
    result, started = FleetResult(), time.perf_counter()

    async def send(machine: str) -> None:
        jitter = random.Random(machine)
        headers = {"Authorization": f"Bearer {credentials[machine]}", "Content-Type": CONTENT_TYPE}
        # A client of its own, as each box has: one for all would spend its time searching a thousand connections.
        async with httpx.AsyncClient(base_url=centre_url, headers=headers, timeout=60, verify=False) as client:
            for body in bodies[machine]:
                failures = 0
                while not await _sent(client, body, result, failures, policy, jitter):
                    failures += 1

    await asyncio.gather(*(send(machine) for machine in bodies))
    result.seconds = time.perf_counter() - started
    return result


async def _sent(
    client: httpx.AsyncClient,
    body: bytes,
    result: FleetResult,
    failures: int,
    policy: RetryPolicy,
    jitter: random.Random,
) -> bool:
    began = time.perf_counter()
    try:
        answer = await client.post("/api/v1/ingest", content=body)
    except httpx.HTTPError:
        result.answers[0] += 1
        await asyncio.sleep(policy.wait_s(failures + 1, None, jitter))
        return False
    result.answers[answer.status_code] += 1
    if answer.status_code == 200:
        result.latency_s.append(time.perf_counter() - began)
        return True
    try:
        raise_for_answer(answer)
    except CentreUnreachableError as error:
        result.without_retry_after += error.retry_after_s is None
        await asyncio.sleep(policy.wait_s(failures + 1, error.retry_after_s, jitter))
    return False
