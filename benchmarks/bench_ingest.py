"""From HTTP to committed: how fast the centre takes in batches, beside a bare binary COPY of the same rows.

Windows of the rig, in batches as large as a box seals them, into a PostgreSQL that syncs to disk. COPY is the fastest
way into PostgreSQL that there is: no HTTP, no decompression, no checks, no receipt, no duplicates refused. Both write
the same table with the same key, a transaction a batch, in turns. The last column compares processor time, of all
that take part: it says what ingest costs also where other work keeps the processors busy.

    python benchmarks/bench_ingest.py
"""

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from agent.store.records import window_record
from benchmarks.scratch_folder import scratch_folder
from cloud_sync.batch_codec import CONTENT_TYPE, encode_batch
from cloud_sync.cloud.access.enrolment import create_token
from cloud_sync.cloud.store.arrays import register_arrays
from cloud_sync.cloud.store.rows import rows_of
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import Batch
from demo.postgres import Postgres
from demo.process import Processes
from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording
from edge_runtime.window import Window
from edge_runtime.windowing import cut_window
from tests.servers.centre import Centre

CONFIGS = Path(__file__).parents[1] / "configs"
ROUNDS = 5
MINUTE_US = 60_000_000


@dataclass(frozen=True)
class Load:
    """Windows of one kind, how many of them a batch holds, and how many batches there are."""

    title: str
    windows: list[Window]
    windows_per_batch: int
    batches: int

    def batch(self, machine: str, number: int) -> Batch:
        """Batch `number`, of other minutes than any other's."""
        first = number * self.windows_per_batch
        records = [self.window(machine, first + k) for k in range(self.windows_per_batch)]
        return Batch("bench", number, windows=tuple(window_record(window) for window in records))

    def window(self, machine: str, k: int) -> Window:
        """A window of the recording at minute `k`, scaled by some per mille so that repetitions don't compress away."""
        window = self.windows[k % len(self.windows)]
        factor = np.float32(1 + 1e-4 * (k % 97))
        channels = tuple(replace(channel, values=channel.values * factor) for channel in window.channels)
        return Window(machine, k * MINUTE_US, (k + 1) * MINUTE_US, channels)


def load(title: str, recording_name: str, windows_per_batch: int, batches: int = 1) -> Load:
    """All labelled windows of a shipped recording."""
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    recording = read_recording(CONFIGS / "recordings" / recording_name)
    windows = [cut_window(machine, recording.series, row.start_us, row.end_us) for row in recording.labels]
    return Load(title, windows, windows_per_batch, batches)


@dataclass(frozen=True)
class Effort:
    """What it took to bring samples in: seconds on the clock, and of all processors together."""

    samples: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Samples a second."""
        return self.samples / self.wall_s


def cpu_s() -> float:
    """Processor time so far of this process, of those that it has started, and of those that they have."""
    own = psutil.Process()
    return sum(sum(process.cpu_times()[:4]) for process in (own, *own.children(recursive=True)))


def copy_rows(url: str, batches: list[Batch]) -> Effort:
    """By COPY, from rows that are ready."""
    parts = [rows_of(batch, batch.windows[0].machine) for batch in batches]
    with psycopg.connect(url) as connection:
        register_arrays(connection)
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute("CREATE TABLE bare (LIKE windows INCLUDING ALL)")
        connection.commit()
        started, busy = time.perf_counter(), cpu_s()
        for rows in parts:
            with connection.cursor().copy("COPY bare FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["text", "timestamptz", "text", "timestamptz", "int8", "float4[]"])
                for row in rows.windows:
                    copy.write_row(row)
            connection.commit()
        return Effort(sum(rows.samples for rows in parts), time.perf_counter() - started, cpu_s() - busy)


async def send_all(centre: Centre, credentials: dict[str, str], bodies: dict[str, list[bytes]], samples: int) -> Effort:
    """By HTTP, from boxes that are connected and send their batches one after the other."""
    async with AsyncExitStack() as connections:
        clients = {}
        for machine, credential in credentials.items():
            headers = {"Authorization": f"Bearer {credential}", "Content-Type": CONTENT_TYPE}
            clients[machine] = await connections.enter_async_context(
                httpx.AsyncClient(base_url=centre.url, headers=headers, timeout=120)
            )
            await clients[machine].post("/api/v1/ingest", content=encode_batch(Batch("hello", 0)))

        async def send(machine: str) -> None:
            for body in bodies[machine]:
                answer = await clients[machine].post("/api/v1/ingest", content=body)
                assert answer.json()["duplicate"] is False, answer.text

        started, busy = time.perf_counter(), cpu_s()
        await asyncio.gather(*(send(machine) for machine in bodies))
        return Effort(samples, time.perf_counter() - started, cpu_s() - busy)


async def measure(url: str, centre: Centre, kind: Load, boxes: int) -> tuple[float, float, float, float]:
    """Median samples a second by HTTP and by COPY, and medians of a round's ratios, of these and of CPU time."""
    machines = [f"rig-{k}" for k in range(boxes)]
    http, copied = list[Effort](), list[Effort]()
    for _ in range(ROUNDS):
        async with await psycopg.AsyncConnection.connect(url) as connection:
            await connection.execute("TRUNCATE windows, receipts")
            tokens = {m: (await create_token(connection, m, timedelta(hours=1))).token for m in machines}
        credentials = {
            m: (await asyncio.to_thread(enrol, Link(centre.url), tokens[m], m, "1", "")).credential for m in machines
        }
        batches = {m: [kind.batch(m, n) for n in range(kind.batches // boxes)] for m in machines}
        bodies = {m: [encode_batch(batch) for batch in items] for m, items in batches.items()}
        everything = [batch for items in batches.values() for batch in items]
        samples = sum(rows_of(batch, batch.windows[0].machine).samples for batch in everything)
        copied.append(await asyncio.to_thread(copy_rows, url, everything))
        http.append(await send_all(centre, credentials, bodies, samples))
    rounds = list(zip(http, copied, strict=True))
    return (
        statistics.median(effort.rate for effort in http),
        statistics.median(effort.rate for effort in copied),
        statistics.median(h.rate / c.rate for h, c in rounds),
        statistics.median(h.cpu_s / c.cpu_s for h, c in rounds),
    )


async def compare(folder: Path) -> Table:
    """Measure with servers that keep their files in `folder`."""
    table = Table("windows", "boxes", "ingest, samples/s", "bare COPY, samples/s", "ingest / COPY", "processor time")
    for column in table.columns[1:]:
        column.justify = "right"
    async with Processes() as processes:
        postgres = await Postgres.start(processes, folder / "postgres")
        centre = await asyncio.to_thread(Centre, postgres.url, folder / "centre.log", box_requests_per_minute="0")
        try:
            for kind in (load("100, 10, 1 Hz", "zema-full-rate", 24, 12), load("1 Hz", "zema-sample", 60, 48)):
                for boxes in (1, 4):
                    http, copied, ratio, effort = await measure(postgres.url, centre, kind, boxes)
                    figures = (f"{http:,.0f}", f"{copied:,.0f}", f"{ratio:.0%}", f"{effort:.1f} times")
                    table.add_row(kind.title, str(boxes), *figures)
        finally:
            await asyncio.to_thread(centre.stop)
    return table


def main() -> None:
    """Measure and print."""
    with scratch_folder() as folder:
        Console().print(asyncio.run(compare(folder)))


if __name__ == "__main__":
    main()
