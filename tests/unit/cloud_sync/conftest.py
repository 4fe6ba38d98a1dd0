from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cloud_sync.edge.link import Link
from tests.model_centre import Centre
from tests.servers.file_server import FileServer


@pytest.fixture
def file_server(tmp_path: Path) -> Iterator[FileServer]:
    """A real HTTP server over `tmp_path`."""
    with FileServer(tmp_path) as server:
        yield server


@pytest.fixture
def http_client() -> Iterator[httpx.Client]:
    """The client of a box."""
    with Link("http://127.0.0.1").open_blocking(30) as client:
        yield client


@pytest.fixture
def model_centre(tmp_path: Path, file_server: FileServer) -> Centre:
    """A centre with an empty model repository."""
    return Centre(tmp_path, file_server)
