"""Catching up after an outage: seven days of windows from a box's store to a centre, while new ones go on coming.

The centre is `hydrosight-cloud serve` on PostgreSQL, in processes of their own; the box is its store and its uplink in
this process. As a yardstick, a plain loop that reads one window at a time from the same store, packs it as JSON would
be packed by hand (msgpack and zstd, one request a window), and waits for each answer.

    python benchmarks/bench_uplink.py [--windows 10080] [--native 240] [--fresh-every 0.5]
"""

import argparse
import asyncio
import random
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from agent.core import CoreThread, StoreQueues
from agent.store.records import window_record
from agent.store.store import Store
from benchmarks.bench_ingest import Load, load
from benchmarks.scratch_folder import scratch_folder
from cloud_sync.batch_codec import CONTENT_TYPE, encode_batch
from cloud_sync.edge.centre_client import CentreClient
from cloud_sync.edge.credential import write_credential
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.gate import Gate, Limits
from cloud_sync.edge.lane import Lane
from cloud_sync.edge.link import Link
from cloud_sync.edge.sealed_batch import SealedBatch
from cloud_sync.edge.uplink import Uplink
from cloud_sync.wire import Batch, Enrolment
from demo.postgres import Postgres
from demo.process import Processes
from edge_runtime.diagnosis import ComponentDiagnosis, Diagnosis, ModelIdentity
from edge_runtime.vocabulary import ComponentType, Ne107State
from edge_runtime.window import Window
from tests.servers.centre import Centre

WINDOW_S = 60
ONE_BY_ONE = 300
"""Windows of the yardstick's loop: its rate doesn't depend on how many there are."""
MODEL = ModelIdentity(name="zema-rig", version="1.0.0", release=1, sha256="0" * 64)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Result:
    """One way of catching up: windows a second, bytes and box CPU a window, delays of fresh windows in s."""

    title: str
    windows_per_s: float
    bytes_per_window: float
    cpu_ms_per_window: float
    fresh_s: list[float]
    resident_growth_mb: float

    def row(self) -> tuple[str, ...]:
        """For the table."""
        delay = (
            f"{statistics.median(self.fresh_s) * 1e3:,.0f} / {max(self.fresh_s) * 1e3:,.0f} of {len(self.fresh_s)}"
            if self.fresh_s
            else "–"
        )
        return (
            self.title,
            f"{self.windows_per_s:,.0f}",
            f"{self.windows_per_s * WINDOW_S:,.0f}",
            f"{self.bytes_per_window:,.0f}",
            f"{self.cpu_ms_per_window:.2f}",
            delay,
            f"{self.resident_growth_mb:,.0f}",
        )


def diagnosis(window: Window) -> Diagnosis:
    """As the rig's model gives it for a window: of four components."""
    start = EPOCH + timedelta(microseconds=window.start_us)
    return Diagnosis(
        machine=window.machine,
        window_start=start,
        window_end=start + timedelta(seconds=WINDOW_S),
        overall_health=0.9,
        components=tuple(
            ComponentDiagnosis(component=name, type=kind, health=0.9, confidence=0.9, ne107=Ne107State.NORMAL)
            for name, kind in (
                ("pump", ComponentType.PISTON_PUMP),
                ("valve", ComponentType.DIRECTIONAL_VALVE),
                ("filter", ComponentType.FILTER),
                ("accumulator", ComponentType.ACCUMULATOR),
            )
        ),
        completeness=1.0,
        model=MODEL,
        inference_ms=1.0,
    )


def record(store: Store, kind: Load, number: int) -> None:
    """Window `number` and its diagnosis, as the pipeline records them."""
    window = kind.window("rig", number)
    store.record(window, diagnosis(window), [])


def resident_mb() -> float:
    """Largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class WatchedQueues(StoreQueues):
    """Tells when the centre has acknowledged fresh windows."""

    def __init__(self, core: CoreThread, store: Store) -> None:
        super().__init__(core, store)
        self.fresh_is_there = asyncio.Event()
        self._lane = Lane.BACKLOG

    async def next_batch(self, lanes: Sequence[Lane], max_bytes: int) -> SealedBatch | None:
        """As the store gives it; its lane is kept in mind."""
        batch = await super().next_batch(lanes, max_bytes)
        self._lane = batch.lane if batch else Lane.BACKLOG
        return batch

    async def acknowledge(self, boot: str, number: int, sent_bytes: int) -> None:
        """As the store does it."""
        await super().acknowledge(boot, number, sent_bytes)
        if self._lane is Lane.FRESH:
            self.fresh_is_there.set()


async def catch_up(folder: Path, url: str, centre: Centre, kind: Load, windows: int, fresh_every_s: float) -> Result:
    """Fill a store, then let the uplink empty it, recording a fresh window every so often."""
    core = CoreThread()
    store = await core.call(Store.open, folder / "store.db", "bench")
    credential = folder / "credential.json"
    write_credential(credential, await fresh_credential(url, centre))
    for number in range(windows):
        await core.call(record, store, kind, number)
    before_mb = resident_mb()
    delays: list[float] = []
    async with CentreClient(Link(centre.url)) as client:
        jitter = random.Random("rig")
        gate = Gate(Limits(spread_s=0.0), jitter, time.monotonic())
        queues = WatchedQueues(core, store)
        uplink = Uplink(client, queues, credential, gate, report=lambda _: None, jitter=jitter)
        wake = asyncio.Event()
        cpu_s, began_s = time.process_time(), time.perf_counter()
        sending = asyncio.create_task(uplink.run(wake))
        number = windows
        while (await core.call(store.lanes))[Lane.BACKLOG].records:
            await asyncio.sleep(fresh_every_s)
            recorded_s = time.perf_counter()
            queues.fresh_is_there.clear()
            await core.call(record, store, kind, number)
            wake.set()
            await queues.fresh_is_there.wait()
            delays.append(time.perf_counter() - recorded_s)
            number += 1
        seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        sending.cancel()
        await asyncio.wait([sending])
    traffic = await core.call(store.traffic_today)
    await core.call(store.close)
    core.close()
    return Result(
        f"{kind.title}: uplink, {windows:,} windows",
        number / seconds,
        sum(one.bytes for one in traffic.values()) / number,
        cpu_s / number * 1e3,
        delays,
        resident_mb() - before_mb,
    )


async def one_by_one(url: str, centre: Centre, kind: Load) -> Result:
    """The yardstick: a request a window, each packed for itself."""
    credential = (await fresh_credential(url, centre)).credential
    headers = {"Authorization": f"Bearer {credential}", "Content-Type": CONTENT_TYPE}
    windows = [kind.window("rig", number) for number in range(ONE_BY_ONE)]
    sent = 0
    async with httpx.AsyncClient(base_url=centre.url, headers=headers, timeout=120) as client:
        cpu_s, began_s = time.process_time(), time.perf_counter()
        for number, window in enumerate(windows):
            body = encode_batch(Batch("one by one", number, windows=(window_record(window),)))
            sent += len(body)
            answer = await client.post("/api/v1/ingest", content=body)
            assert answer.status_code == httpx.codes.OK, answer.text
        seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    title = f"{kind.title}: a request a window, {len(windows)}"
    return Result(title, len(windows) / seconds, sent / len(windows), cpu_s / len(windows) * 1e3, [], 0.0)


async def fresh_credential(url: str, centre: Centre) -> Enrolment:
    """Of a box on an empty machine."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("TRUNCATE windows, window_readings, diagnoses, component_diagnoses, receipts")
    token = await asyncio.to_thread(centre.token, "rig")
    return await asyncio.to_thread(enrol, Link(centre.url), token, "rig", "1", "")


async def compare(folder: Path, arguments: argparse.Namespace) -> Table:
    """Measure with servers that keep their files in `folder`."""
    table = Table(
        "", "windows/s", "× real time", "bytes/window", "box CPU ms/window", "fresh ms, median / max", "memory + MB"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    kinds = (
        (load("1 Hz", "zema-sample", 60), arguments.windows),
        (load("native rates (100, 10, 1 Hz)", "zema-full-rate", 24), arguments.native),
    )
    async with Processes() as processes:
        postgres = await Postgres.start(processes, folder / "postgres")
        centre = await asyncio.to_thread(Centre, postgres.url, folder / "centre.log")
        try:
            for number, (kind, windows) in enumerate(kinds):
                box = folder / f"box-{number}"
                box.mkdir()
                table.add_row(*(await one_by_one(postgres.url, centre, kind)).row())
                result = await catch_up(box, postgres.url, centre, kind, windows, arguments.fresh_every)
                table.add_row(*result.row())
        finally:
            await asyncio.to_thread(centre.stop)
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--windows", type=int, default=10_080, help="at 1 Hz; 10,080 are a week")
    parser.add_argument("--native", type=int, default=240, help="at native rates")
    parser.add_argument("--fresh-every", type=float, default=0.5, help="seconds between fresh windows")
    arguments = parser.parse_args()
    with scratch_folder() as folder:
        Console(width=150).print(asyncio.run(compare(folder, arguments)))


if __name__ == "__main__":
    main()
