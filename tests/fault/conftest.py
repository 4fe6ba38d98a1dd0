"""What attacks on updates need: a centre that signs, and the server between it and the box."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cloud_sync.edge.link import Link
from tests.model_centre import Centre
from tests.servers.file_server import FileServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(tmp_path) as server:
        yield server


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with Link("http://127.0.0.1").open_blocking(30) as client:
        yield client


@pytest.fixture
def centre(tmp_path: Path, server: FileServer) -> Centre:
    return Centre(tmp_path, server)
