"""One id from the box to the receipt, the log and the answer."""

import asyncio
import json
import random
import time
from pathlib import Path

import httpx
import psycopg

from cloud_sync.batch_codec import CONTENT_TYPE
from cloud_sync.edge.centre_client import CentreClient
from cloud_sync.edge.credential import write_credential
from cloud_sync.edge.gate import Gate, Limits
from cloud_sync.edge.link import Link
from cloud_sync.edge.uplink import Uplink
from cloud_sync.trace import batch_trace_id, traceparent
from cloud_sync.wire import Enrolment
from tests.memory_outbox import MemoryOutbox, sealed
from tests.servers.batches import make_batch
from tests.servers.centre import Centre


def test_a_box_s_batch_is_traced_to_its_receipt(centre: Centre, box: Enrolment, tmp_path: Path) -> None:
    batch = sealed(make_batch("rig", 3))
    outbox = MemoryOutbox(iter([batch]))
    write_credential(tmp_path / "credential", box)

    async def deliver() -> None:
        async with CentreClient(Link(centre.url)) as client, asyncio.timeout(60):
            jitter = random.Random(1)
            gate = Gate(Limits(spread_s=0), jitter, time.monotonic())
            uplink = Uplink(client, outbox, tmp_path / "credential", gate, report=lambda _: None, jitter=jitter)
            sending = asyncio.create_task(uplink.run(asyncio.Event()))
            await outbox.emptied.wait()
            sending.cancel()

    asyncio.run(deliver())
    with psycopg.connect(centre.database_url) as connection:
        (row,) = connection.execute("SELECT trace_id FROM receipts").fetchall()
    assert row == (batch_trace_id(batch.boot, batch.number),)


def test_a_refusal_is_logged_and_answered_with_the_trace(centre: Centre, box: Enrolment) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {
        "Authorization": f"Bearer {box.credential}",
        "Content-Type": CONTENT_TYPE,
        "traceparent": traceparent(trace),
    }
    refused = httpx.post(f"{centre.url}/api/v1/ingest", content=b"nonsense", headers=headers)
    assert refused.json()["trace_id"] == trace
    (line,) = [json.loads(line) for line in centre.log.splitlines() if '"batch refused"' in line]
    assert (line["trace_id"], line["machine"]) == (trace, "rig")
