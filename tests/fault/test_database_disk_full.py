"""The database's disk is full: boxes are told to wait, what was acknowledged is there, and it goes on by itself."""

import ctypes
import errno
import os
import pwd
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from cloud_sync.batch_codec import CONTENT_TYPE, encode_batch
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from tests.rig.until import until
from tests.servers.batches import SENSORS, make_batch
from tests.servers.centre import Centre
from tests.servers.postgres import PostgresServer


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One whose data are on a file system of their own, with room for little more; only root may mount one."""
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryDirectory(prefix="hydrosight-postgres-") as name:
        data = Path(name) / "data"
        data.mkdir()
        options = f"size=120m,mode=700,uid={pwd.getpwnam('nobody').pw_uid}"
        if libc.mount(b"tmpfs", os.fsencode(data), b"tmpfs", 0, options.encode()):
            pytest.skip(f"can't mount a small file system: {errno.errorcode[ctypes.get_errno()]}")
        try:
            server = PostgresServer(Path(name), "-c", "max_wal_size=32MB", "-c", "min_wal_size=32MB")
            yield server
            server.stop()
        finally:
            assert libc.umount2(os.fsencode(data), 2) == 0


def fill(folder: Path) -> Path:
    """Another program takes what room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\1" * 4096):
            pass
    return filler


def test_boxes_wait_nothing_acknowledged_is_lost_and_all_goes_on_once_there_is_room(
    server: PostgresServer, tmp_path: Path
) -> None:
    centre = Centre(server.url, tmp_path / "centre.log", box_requests_per_minute="0")
    try:
        credential = enrol(Link(centre.url), centre.token("rig"), "rig", "1", "").credential
        headers = {"Authorization": f"Bearer {credential}", "Content-Type": CONTENT_TYPE}
        acknowledged: set[int] = set()
        with httpx.Client(base_url=centre.url, headers=headers, timeout=60) as client:

            def send(number: int) -> httpx.Response:
                answer = client.post("/api/v1/ingest", content=encode_batch(make_batch("rig", number, windows=20)))
                if answer.status_code == 200:
                    acknowledged.add(number)
                return answer

            assert send(0).status_code == 200
            filler = fill(server.data)
            refused = None
            for number in range(1, 400):
                if (answer := send(number)).status_code != 200:
                    refused = answer
                    break
            assert refused is not None
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) > 0
            assert refused.headers["content-type"] == "application/problem+json"
            for _ in range(3):
                assert send(number).status_code in {200, 503}
            assert client.get("/health/live").status_code == 200

            filler.unlink()
            server.start()  # without room for its log PostgreSQL ends; its keeper starts it again
            until(lambda: send(number).status_code == 200, "all goes on once there is room")
        assert "Traceback" not in centre.log
        with psycopg.connect(server.url) as connection:
            receipts = {row[0] for row in connection.execute("SELECT number FROM receipts")}
            assert receipts == acknowledged
            rows = connection.execute("SELECT count(*) FROM windows").fetchone()
            assert rows == (len(acknowledged) * 20 * len(SENSORS),)
    finally:
        centre.stop()
