"""All boxes of a fleet come back at the same moment."""

import asyncio
import os
from pathlib import Path

import httpx
import psycopg

from cloud_sync.batch_codec import encode_batch
from cloud_sync.edge.retry import RetryPolicy
from tests.rig.until import until
from tests.servers.batches import SENSORS, make_batch
from tests.servers.centre import Centre
from tests.servers.fleet import enrol_all, send_all

BOXES = int(os.environ.get("HYDROSIGHT_FLEET_BOXES", "60"))
BATCHES = 2


async def test_every_box_is_taken_or_told_to_come_again_and_every_batch_is_there_once(
    postgres_url: str, tmp_path: Path
) -> None:
    """The centre has room for few, and somebody holds a lock until it has told some to wait, however fast it is."""
    settings = {"ingest_wait_s": "0.2", "box_requests_per_minute": "60", "retry_after_s": "1", "pool_size": "5"}
    centre = await asyncio.to_thread(Centre, postgres_url, tmp_path / "centre.log", **settings)
    machines = [f"rig-{number}" for number in range(BOXES)]

    def refuses() -> bool:
        return "refused_for_load_total{" in httpx.get(f"{centre.url}/metrics").text

    try:
        credentials = await enrol_all(postgres_url, centre.url, machines)
        bodies = {m: [encode_batch(make_batch(m, n, windows=1)) for n in range(BATCHES)] for m in machines}
        async with await psycopg.AsyncConnection.connect(postgres_url) as blocker:
            await blocker.execute("LOCK TABLE receipts")
            sending = asyncio.create_task(send_all(centre.url, credentials, bodies, RetryPolicy(base_s=0.2)))
            await asyncio.to_thread(until, refuses, "some are told to come again")
        result = await sending
    finally:
        await asyncio.to_thread(centre.stop)

    assert result.answers[200] == BOXES * BATCHES
    assert set(result.answers) <= {200, 429, 503}
    assert result.answers[503] > 0
    assert result.without_retry_after == 0
    assert '"database down"' not in centre.log
    assert "Traceback" not in centre.log
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM receipts").fetchone() == (BOXES * BATCHES,)
        assert connection.execute("SELECT count(*) FROM windows").fetchone() == (BOXES * BATCHES * len(SENSORS),)
