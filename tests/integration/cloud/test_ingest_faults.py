"""Batches cut short, out of order, replayed, and too late for their chunk: rows counted afterwards."""

import random
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from urllib.parse import urlsplit

import httpx
import msgspec
import numpy as np
import psycopg
import pytest

from cloud_sync.batch_codec import CONTENT_TYPE, encode_batch
from cloud_sync.cloud.store.arrays import register_arrays
from cloud_sync.wire import Batch, Enrolment
from tests.integration.cloud.conftest import send
from tests.integration.cloud.test_ingest import ONE_BATCH, counts
from tests.servers.batches import SENSORS, START_US, make_batch, time_of
from tests.servers.centre import Centre

BATCHES = 12


@contextmanager
def half_sent(centre: Centre, credential: str, framing: str, body: bytes) -> Iterator[socket.socket]:
    """A request as it is written, at the end of which the connection is closed."""
    address = urlsplit(centre.url)
    head = (
        f"POST /api/v1/ingest HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {credential}\r\n"
        f"Content-Type: {CONTENT_TYPE}\r\n{framing}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        yield connection


def test_a_batch_that_is_cut_anywhere_leaves_nothing_and_is_taken_when_it_comes_whole(
    centre: Centre, box: Enrolment, postgres_url: str
) -> None:
    body = encode_batch(make_batch("rig", 0))
    half = len(body) // 2
    chunk = f"{half:x}\r\n".encode() + body[:half] + b"\r\n"
    cuts = [(f"Content-Length: {len(body)}", body[:length]) for length in (0, 1, half, len(body) - 1)]
    cuts += [(f"Content-Length: {len(body) + 100}", body), ("Transfer-Encoding: chunked", chunk)]

    for framing, sent in cuts:
        with half_sent(centre, box.credential, framing, sent):
            pass
        with half_sent(centre, box.credential, framing, sent):
            time.sleep(0.1)  # so that the centre has read what came before it ends
        with half_sent(centre, box.credential, framing, sent) as connection:  # closed by a reset
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with half_sent(centre, box.credential, f"Content-Length: {half}", body) as connection:
        short = connection.recv(65536)

    assert short.startswith(b"HTTP/1.1 400")
    assert set(counts(postgres_url).values()) == {0}
    assert send(centre.url, box.credential, body).json()["duplicate"] is False
    assert counts(postgres_url) == ONE_BATCH
    assert "Traceback" not in centre.log


def test_batches_in_any_order_any_number_of_times_are_one_set_of_rows(
    centre: Centre, box: Enrolment, postgres_url: str
) -> None:
    """Some are sealed anew under other names meanwhile, as after a restore, with windows of two others in each."""
    dice = random.Random(5)
    batches = [make_batch("rig", number) for number in range(BATCHES)]
    anew = [
        Batch("boot-2", number, windows=(*first.windows[1:], *second.windows[:1]), diagnoses=second.diagnoses)
        for number, (first, second) in enumerate(pairwise(batches))
    ]
    sent = [encode_batch(batch) for batch in (*batches, *anew)] * 3
    dice.shuffle(sent)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: send(centre.url, box.credential, body), sent))

    assert {answer.status_code for answer in answers} == {200}
    assert sum(not answer.json()["duplicate"] for answer in answers) == len(batches) + len(anew)
    expected = {name: BATCHES * count for name, count in ONE_BATCH.items()}
    assert counts(postgres_url) == expected | {"receipts": len(batches) + len(anew)}
    assert_every_sample_is_there(postgres_url, batches)


def test_batches_too_late_for_their_chunk_get_in_once(
    centre: Centre, box: Enrolment, operator: httpx.Client, postgres_url: str
) -> None:
    """What lies in the columnstore is known there: the same again, and neighbours of it that were left behind."""
    batches = [make_batch("rig", number) for number in range(6)]
    for batch in batches[::2]:
        assert send(centre.url, box.credential, batch).status_code == 200
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        if connection.execute("SELECT current_setting('timescaledb.disable_load', true) IS NULL").fetchone()[0]:
            pytest.skip("needs a server with TimescaleDB: set HYDROSIGHT_TEST_DATABASE")
        for table in ("windows", "diagnoses", "component_diagnoses"):
            done = connection.execute(f"SELECT compress_chunk(chunk) FROM show_chunks('{table}') AS chunk").fetchall()
            assert len(done) == 1

    late = [*batches, *(msgspec.structs.replace(batch, boot="boot-2") for batch in batches)]
    answers = [send(centre.url, box.credential, batch) for batch in late]

    assert [answer.status_code for answer in answers] == [200] * len(late)
    assert counts(postgres_url) == {name: 6 * count for name, count in ONE_BATCH.items()} | {"receipts": 12}
    assert_every_sample_is_there(postgres_url, batches)
    assert len(operator.get("/api/v1/machines/rig/windows", params={"limit": 100}).json()) == 12


def assert_every_sample_is_there(url: str, batches: list[Batch]) -> None:
    """Every window of these, with its samples, and no other."""
    expected = {
        (time_of(record.start_us), channel.sensor): np.frombuffer(channel.values, "<f4")
        for batch in batches
        for record in batch.windows
        for channel in record.channels
    }
    with psycopg.connect(url) as connection:
        register_arrays(connection)
        cursor = connection.cursor(binary=True)
        rows = cursor.execute("SELECT start_time, sensor, samples FROM windows ORDER BY 1, 2").fetchall()
    assert [(start, sensor) for start, sensor, _ in rows] == sorted(expected)
    assert rows[0][0] == time_of(START_US)
    assert len(rows) == len(SENSORS) * 2 * len(batches)
    assert all(np.array_equal(samples, expected[start, sensor], equal_nan=True) for start, sensor, samples in rows)
