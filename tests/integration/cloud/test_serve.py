"""What `hydrosight-cloud serve` offers beside the API, and how it starts and stops."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cloud_sync.batch_codec import CONTENT_TYPE
from cloud_sync.wire import Enrolment
from tests.servers.centre import Centre


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "tuf"
    (folder / "metadata").mkdir(parents=True)
    (folder / "metadata" / "timestamp.json").write_text("{}")
    (folder / "keys").mkdir()
    (folder / "keys" / "root.pem").write_text("private")
    return folder


@pytest.fixture
def serving(postgres_url: str, tmp_path: Path, repository: Path) -> Iterator[Centre]:
    centre = Centre(postgres_url, tmp_path / "centre.log", "--tuf-repository", str(repository))
    yield centre
    centre.stop()


def test_the_installed_command_serves_until_it_is_told_to_stop(postgres_url: str) -> None:
    """The other tests fork it from a process that has imported it; this one starts it as an operator does."""
    with subprocess.Popen(
        [Path(sys.executable).with_name("hydrosight-cloud"), "serve", "--port", "0", "--json"],
        env=os.environ | {"HYDROSIGHT_DATABASE_URL": postgres_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as serving:
        url = json.loads(serving.stdout.readline())["url"]
        assert httpx.get(f"{url}/health/ready").status_code == 200
        serving.send_signal(signal.SIGTERM)
        _, log = serving.communicate()

    assert serving.returncode == -signal.SIGTERM  # uvicorn sends itself the signal anew once all is closed
    assert b"Traceback" not in log


def test_the_model_repository_is_served_and_nothing_beside_it(serving: Centre, repository: Path) -> None:
    (repository / "targets").mkdir()  # published after the server was started
    (repository / "targets" / "model.tar").write_bytes(b"0123456789")

    with httpx.Client(base_url=serving.url) as client:
        assert client.get("/tuf/metadata/timestamp.json").text == "{}"
        part = client.get("/tuf/targets/model.tar", headers={"Range": "bytes=4-"})
        assert (part.status_code, part.text) == (206, "456789")
        for path in ("/tuf/keys/root.pem", "/tuf/metadata/../keys/root.pem", "/tuf/metadata/%2e%2e/keys/root.pem"):
            assert client.get(path).status_code == 404
        assert client.get("/tuf/metadata/7.root.json").status_code == 404
        assert client.put("/tuf/metadata/timestamp.json", content=b"x").status_code == 405


def test_targets_that_are_not_there_yet_are_not_found(serving: Centre) -> None:
    assert httpx.get(f"{serving.url}/tuf/targets/model.tar").status_code == 404


def test_a_port_that_is_taken_is_said(centre: Centre) -> None:
    port = centre.url.rpartition(":")[2]

    done = centre.run("serve", "--port", port)

    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr


def test_a_certificate_that_is_none_is_said(centre: Centre, tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")

    done = centre.run("serve", "--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "cert.pem"))

    assert done.returncode == 2
    assert "tls_cert" in done.stderr


def test_a_model_repository_that_is_not_there_is_said(centre: Centre) -> None:
    done = centre.run("serve", "--tuf-repository", "/nowhere")

    assert done.returncode == 2
    assert "/nowhere" in done.stderr
    assert "model init" in done.stderr


async def test_a_body_that_never_ends_is_given_up(
    centre: Centre, box: Enrolment, postgres_url: str, tmp_path: Path
) -> None:
    impatient = await asyncio.to_thread(Centre, postgres_url, tmp_path / "impatient.log", body_timeout_s="0.3")

    async def slow():
        yield b"x"
        await asyncio.sleep(1)
        yield b"x"

    headers = {"Authorization": f"Bearer {box.credential}", "Content-Type": CONTENT_TYPE}
    try:
        async with httpx.AsyncClient(base_url=impatient.url) as client:
            answer = await client.post("/api/v1/ingest", content=slow(), headers=headers)
    finally:
        await asyncio.to_thread(impatient.stop)

    assert answer.status_code == 408
    assert "0.3 s" in answer.json()["detail"]


def test_a_stranger_is_refused_before_his_body_is_read(centre: Centre) -> None:
    """The answer comes though not one byte of the declared megabytes was sent."""
    host, _, port = centre.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /api/v1/ingest HTTP/1.1\r\nHost: centre\r\nContent-Length: 8000000\r\n"
            b"Authorization: Bearer hsa_0_0\r\nContent-Type: " + CONTENT_TYPE.encode() + b"\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 401")
