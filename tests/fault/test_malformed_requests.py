"""Thousands of requests that are wrong in every way: each gets its answer, none costs memory, and good ones go on.

HYDROSIGHT_MALFORMED says how many; 10,000 take some minutes.
"""

import itertools
import os
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import psycopg

from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import CONTENT_TYPE, encode_batch
from tests.servers.batches import make_batch
from tests.servers.centre import Centre
from tests.servers.malformed import Malformed, malformed

COUNT = int(os.environ.get("HYDROSIGHT_MALFORMED", "300"))
LIMITS = {"box_requests_per_minute": "0", "refused_tries_per_minute": "0"}


def test_none_is_a_fault_of_the_centre_s_or_costs_it_memory(postgres_url: str, tmp_path: Path) -> None:
    dice, codes = random.Random(5), Counter[tuple[str, int]]()
    centre = Centre(postgres_url, tmp_path / "centre.log", **LIMITS)
    try:
        credential = enrol(Link(centre.url), centre.token("rig"), "rig", "1", "").credential
        process, half = psutil.Process(centre.pid), 0
        requests = (malformed(dice, make_batch("rig", number)) for number in range(COUNT))
        with (
            httpx.Client(base_url=centre.url, headers={"Authorization": f"Bearer {credential}"}, timeout=60) as client,
            ThreadPoolExecutor(8) as threads,
        ):

            def send(wrong: Malformed) -> httpx.Response:
                headers = {name: value.encode() for name, value in wrong.headers.items()}
                return client.request(wrong.method, wrong.path, content=wrong.body, headers=headers)

            while several := list(itertools.islice(requests, 100)):
                for wrong, answer in zip(several, threads.map(send, several), strict=True):
                    codes[wrong.manner, answer.status_code] += 1
                    assert answer.status_code < 500, (wrong.manner, answer.text)
                if not half and codes.total() >= COUNT // 2:
                    half = process.memory_info().rss
            grown = process.memory_info().rss - half
            body = encode_batch(make_batch("rig", COUNT))
            good = client.post("/api/v1/ingest", content=body, headers={"Content-Type": CONTENT_TYPE})
    finally:
        centre.stop()

    assert good.status_code == 200
    assert grown < 16 * 2**20
    assert "Traceback" not in centre.log
    taken = sum(count for (_, status), count in codes.items() if status == 200)
    assert taken < COUNT / 4  # a flipped bit in a sample is a good batch; and so is reading what there is
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM receipts WHERE number = %s", (COUNT,)).fetchone() == (1,)
