"""Ten thousand requests that are wrong in every way: each gets its answer, none costs memory, and good ones go on.

HYDROSIGHT_MALFORMED says another number.
"""

import json
import os
import random
import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import psutil
import psycopg

from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from tests.integration.cloud.conftest import send
from tests.servers.batches import make_batch
from tests.servers.centre import Centre
from tests.servers.malformed import MANNERS, malformed

COUNT = int(os.environ.get("HYDROSIGHT_MALFORMED", "10000"))
CONNECTIONS = 10
ROUNDS = 20
SHARE = COUNT // (CONNECTIONS * ROUNDS)
"""Requests over one connection in one round."""
NO_LIMITS = {
    "box_requests_per_minute": "0",
    "refused_tries_per_minute": "0",
    "ingest_wait_s": "300",
    "pool_wait_s": "300",
}
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back to one of them; `new` if it was a batch that the centre took and hadn't had."""

    manner: str
    status: int
    content_type: str
    new: bool


def test_none_is_a_fault_of_the_centre_s_or_costs_it_memory(postgres_url: str, tmp_path: Path) -> None:
    answers, memory = list[Answered](), list[int]()
    centre = Centre(postgres_url, tmp_path / "centre.log", **NO_LIMITS)
    try:
        credential = enrol(Link(centre.url), centre.token("rig"), "rig", "1", "").credential
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            for number in range(ROUNDS):
                seeds = range(number * CONNECTIONS, (number + 1) * CONNECTIONS)
                for share in threads.map(partial(_send_malformed, centre.port, credential), seeds):
                    answers += share
                memory.append(psutil.Process(centre.pid).memory_info().rss)
        good = send(centre.url, credential, make_batch("rig", COUNT))
    finally:
        centre.stop()

    assert len(answers) == SHARE * CONNECTIONS * ROUNDS
    assert len({answer.manner for answer in answers}) == len(MANNERS)
    refused = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in refused} <= {400, 401, 403, 404, 405, 409, 413, 415, 422}
    assert {answer.content_type for answer in refused} == {"application/problem+json"}
    assert len(refused) > COUNT * 3 / 4  # a flipped bit in a sample is a good batch; so is reading what there is
    assert good.status_code == 200
    assert "Traceback" not in centre.log
    early, late = (statistics.median(memory[first : first + 5]) for first in (ROUNDS // 4, ROUNDS - 5))
    assert late - early < 4 * MIB
    with psycopg.connect(postgres_url) as connection:
        receipts = connection.execute("SELECT count(*), count(*) FILTER (WHERE number = %s) FROM receipts", (COUNT,))
        assert receipts.fetchone() == (sum(answer.new for answer in answers) + 1, 1)


def _send_malformed(port: int, credential: str, seed: int) -> list[Answered]:
    """A share of them, over a connection of their own."""
    dice, answers = random.Random(seed), list[Answered]()
    connection = HTTPConnection("127.0.0.1", port, timeout=300)
    for number in range(SHARE):
        wrong = malformed(dice, make_batch("rig", seed * COUNT + number))
        headers = {name: value.encode() for name, value in wrong.headers.items()}
        connection.request(wrong.method, wrong.path, wrong.body, headers | {"Authorization": f"Bearer {credential}"})
        answer = connection.getresponse()
        said = answer.read()
        new = answer.status == 200 and wrong.path == "/api/v1/ingest" and json.loads(said)["duplicate"] is False
        answers.append(Answered(wrong.manner, answer.status, answer.headers.get_content_type(), new))
    connection.close()
    return answers
