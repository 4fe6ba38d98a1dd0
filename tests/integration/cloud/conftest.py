"""A centre with a database, and a box enrolled there."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cloud_sync.batch_codec import CONTENT_TYPE, encode_batch
from cloud_sync.box_time import HEADER, BoxTime
from cloud_sync.cloud.access.operators import Role
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import Batch, Enrolment
from tests.servers.centre import Centre


@pytest.fixture
def centre(postgres_url: str, tmp_path: Path) -> Iterator[Centre]:
    server = Centre(postgres_url, tmp_path / "centre.log")
    yield server
    server.stop()


@pytest.fixture
def box(centre: Centre) -> Enrolment:
    return enrol(Link(centre.url), centre.token("rig"), "rig", "0.1.0", "name: rig\n")


@pytest.fixture
def operator(centre: Centre) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {centre.operator_token('tests', Role.OPERATOR)}"}
    with httpx.Client(base_url=centre.url, headers=headers) as client:
        yield client


def send(url: str, credential: str, batch: Batch | bytes, box_time: BoxTime | None = None) -> httpx.Response:
    """Hand over one batch, over plain HTTP: no certificates are loaded, which would take longer than all else."""
    body = encode_batch(batch) if isinstance(batch, Batch) else batch
    headers = {"Authorization": f"Bearer {credential}", "Content-Type": CONTENT_TYPE}
    if box_time is not None:
        headers[HEADER] = box_time.header()
    return httpx.post(f"{url}/api/v1/ingest", content=body, headers=headers, timeout=60, verify=False)
