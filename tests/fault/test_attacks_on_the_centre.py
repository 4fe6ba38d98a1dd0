"""Requests meant to tie the centre up or to fill its memory: slow, endless, huge, or small until they are unpacked."""

import contextlib
import json
import os
import random
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
import psutil
import pytest
import zstandard

from cloud_sync.batch_codec import CONTENT_TYPE, encode_batch
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from tests.servers.batches import make_batch
from tests.servers.centre import Centre
from tests.servers.postgres import PostgresServer, fresh_database

MIB = 2**20
RANGES_MIB = int(os.environ.get("HYDROSIGHT_BOMB_MIB", "8"))
"""How much the costliest bomb unpacks to; 63 is as much as gets through."""
BOUND_MIB = 450 + 22 * min(4 * RANGES_MIB, 64)
"""Four are unpacked at once, and as much parsed as the largest batch has, at up to twenty times its size."""
SETTINGS = {
    "head_timeout_s": "1",
    "body_timeout_s": "2",
    "max_connections": "20",
    "box_requests_per_minute": "0",
    "refused_tries_per_minute": "0",
}


class Target:
    """A centre with tight limits, and a box enrolled there."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.machine = "rig"
        self.credential = enrol(Link(centre.url), centre.token("rig"), "rig", "1", "").credential
        self.next_number = 0

    @property
    def rss_mib(self) -> float:
        """Memory of the server's process."""
        return psutil.Process(self.centre.pid).memory_info().rss / MIB

    def send(self, body: bytes) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.credential}", "Content-Type": CONTENT_TYPE}
        return httpx.post(f"{self.centre.url}/api/v1/ingest", content=body, headers=headers, timeout=120, verify=False)

    def takes_a_good_batch(self) -> bool:
        self.next_number += 1
        return self.send(encode_batch(make_batch("rig", self.next_number))).status_code == 200

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.centre.port), timeout=10)


@pytest.fixture(scope="module")
def target(_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    _postgres.start()
    with fresh_database(_postgres.url) as url:
        centre = Centre(url, tmp_path_factory.mktemp("attacks") / "centre.log", **SETTINGS)
        yield Target(centre)
        centre.stop()
    assert "Traceback" not in centre.log


def answer_to(connection: socket.socket) -> bytes:
    """What comes until the other end closes or cuts the connection."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            said += part
    return said


SLOW = {
    "nothing at all": (b"", b""),
    "a head that never ends": (b"GET / HTTP/1.1\r\nHost: c\r\n", b"X-A: b\r\n"),
    "the second head on one connection": (b"GET /health/live HTTP/1.1\r\nHost: c\r\n\r\nGET / HT", b"T"),
    "what is left of a refused body": (
        b"POST /api/v1/ingest HTTP/1.1\r\nHost: c\r\nContent-Length: 1000000\r\n\r\n",
        b"x",
    ),
}


@pytest.mark.parametrize("manner", SLOW)
def test_a_connection_that_trickles_is_cut(target: Target, manner: str) -> None:
    head, drop = SLOW[manner]
    with target.connect() as connection, contextlib.suppress(ConnectionError):
        connection.sendall(head)
        for _ in range(100):
            time.sleep(0.1)
            if drop:
                connection.sendall(drop)
            elif answer_to(connection) == b"":
                break
        else:
            pytest.fail("it was still open after ten seconds")
    assert target.takes_a_good_batch()


def test_a_body_that_trickles_is_told_in_time(target: Target) -> None:
    with target.connect() as connection:
        connection.sendall(
            b"POST /api/v1/enrol HTTP/1.1\r\nHost: c\r\nContent-Length: 100\r\nContent-Type: application/json\r\n\r\n{"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 408")


def test_more_connections_than_there_may_be_are_told_to_come_again(target: Target) -> None:
    with contextlib.ExitStack() as opened:
        for _ in range(20):
            connection = opened.enter_context(target.connect())
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: c\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        answer = httpx.get(f"{target.centre.url}/health/live")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert target.takes_a_good_batch()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: c\r\n" + b"X-A: b\r\n" * 100_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nX-A: " + b"b" * 5_000_000,
        b"\x16\x03\x01\x02\x00\x01\x00" + b"\x00" * 1000,
    ],
    ids=["huge URL", "too many headers", "endless header", "TLS to a plain port"],
)
def test_a_head_that_is_too_large_or_none_ends_the_connection(target: Target, request_bytes: bytes) -> None:
    with target.connect() as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request_bytes)
        assert answer_to(connection)[:12] in {b"HTTP/1.1 400", b""}
    assert target.takes_a_good_batch()


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_a_body_for_a_route_of_operators_has_a_bound_before_anybody_is_asked_who_he_is(
    target: Target, chunked: bool
) -> None:
    """FastAPI reads a JSON body whole, and before it looks at the token."""
    before = target.rss_mib

    def parts() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * MIB

    url = f"{target.centre.url}/api/v1/machines/rig/labels"
    headers = {"Content-Type": "application/json"}
    try:
        answer = httpx.post(url, content=parts() if chunked else b" " * (64 * MIB), headers=headers, timeout=60)
    except httpx.TransportError:
        pass  # cut while it was still sending
    else:
        assert answer.status_code == 413
    assert target.rss_mib < before + 40


@pytest.mark.parametrize(
    "machine_file",
    [
        "name: " + "[" * 50_000,
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40)),
    ],
    ids=["deep", "aliases of aliases"],
)
def test_a_box_s_machine_file_ties_up_nobody_who_looks_at_the_machine(target: Target, machine_file: str) -> None:
    enrol(Link(target.centre.url), target.centre.token("press"), "press", "1", machine_file)
    viewer = {"Authorization": f"Bearer {target.centre.operator_token(f'viewer-{len(machine_file)}')}"}
    with httpx.Client(base_url=target.centre.url, headers=viewer, timeout=60) as client:
        for question in ("components", "windows", "labels", "series?sensor=PS1"):
            assert client.get(f"/api/v1/machines/press/{question}").status_code < 500
    assert target.takes_a_good_batch()


def frame(block: bytes, *, window_log: int = 20, content_size: int | None = None) -> bytes:
    """One zstd frame by hand (RFC 8878, 3.1.1): any window, a size that may lie, one raw block."""
    header = struct.pack("<I", 0xFD2FB528)
    if content_size is None:
        header += bytes([0, (window_log - 10) << 3])
    else:
        header += bytes([0b11_0_0_0_0_00, (window_log - 10) << 3]) + content_size.to_bytes(8, "little")
    return header + (len(block) << 3 | 1).to_bytes(3, "little") + block


def bombs() -> dict[str, bytes]:
    """Small bodies that want to become large."""
    squeeze = zstandard.ZstdCompressor(level=19).compress
    zeros = squeeze(bytes(16 * MIB))
    padding = random.Random(1).randbytes(MIB // 2)  # so that it isn't refused for its ratio
    names = msgspec.msgpack.encode({"boot": "b", "number": 1, "pad": padding, "windows": []})
    head, count = names[:-9], RANGES_MIB * MIB // 4
    window = {"machine": "rig", "start_us": 0, "end_us": 1, "channels": [], "readings": []}
    ranges = (
        head + msgspec.msgpack.encode("windows") + b"\x91" + msgspec.msgpack.encode(window)[:-1]
        + b"\xdd" + count.to_bytes(4, "big") + b"\x93\xa0\x00\x00" * count
    )  # fmt: skip
    document = json.dumps([[]] * 3).encode() + b" " * 2 * MIB
    diagnosis = {"boot": "b", "number": 1, "diagnoses": [{"machine": "rig", "start_us": 0, "document": document}]}
    return {
        "4 GiB of zeros": squeeze(zeros * 256),  # compressed twice: 4 GiB once it is unpacked twice
        "many frames": zeros * 64,
        "a frame within a frame": squeeze(squeeze(zeros)),
        "no content size": frame(b"\x80"),
        "a size that lies": frame(b"\x80", content_size=2**60),
        "a window of 128 MiB": frame(b"\x80", window_log=27),
        "a window of 2 GiB": frame(b"\x80", window_log=31),
        "millions of ranges": squeeze(ranges),
        "a document of megabytes": squeeze(msgspec.msgpack.encode(diagnosis)),
    }


def test_no_bomb_takes_more_memory_than_the_largest_batch_may(target: Target) -> None:
    """Each is sent by four at once, as many as are unpacked at a time."""
    assert target.takes_a_good_batch()
    with ThreadPoolExecutor(4) as threads:
        for name, body in bombs().items():
            assert len(body) <= 8 * MIB, name
            peak, sending = target.rss_mib, [threads.submit(target.send, body) for _ in range(4)]
            while not all(task.done() for task in sending):
                peak = max(peak, target.rss_mib)
                time.sleep(0.005)
            assert {task.result().status_code for task in sending} <= {400, 413, 422, 503}, name
            assert peak < BOUND_MIB, f"{name}: {peak:.0f} MiB"
    assert target.takes_a_good_batch()
