"""Diagnosing stored windows at the centre, over real HTTP from a real database, beside what it can't be faster than.

Windows of the rig at its native rates (17 sensors at 100, 10 and 1 Hz, a minute) with the shipped model, in one run:

    model alone     ONNX Runtime on graphs that are ready: no features, no calibration, no JSON
    plain loop      the box's diagnoser on windows in memory, one after the other, in one process
    batch           POST /api/v1/batch-inference, one reader and two
    single          POST /api/v1/inference by 50 clients: each once a second, and each as fast as it is answered

CPU milliseconds are of all processes of the part, database and server included, the measuring client apart: they say
what a machine that does nothing else would do. Wall times share the cores with the client. On a loaded machine the
server may refuse (503, mostly because the database is slow to answer its probe): that is counted, and asked again.

    python -m benchmarks.bench_inference
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from agent.store.records import window_record
from benchmarks.bench_ingest import CONFIGS, MINUTE_US, Load, load
from benchmarks.scratch_folder import scratch_folder
from cloud_sync.batch_codec import CONTENT_TYPE, encode_batch
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import Batch
from demo.postgres import Postgres
from demo.process import Processes
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.graph_builder import build_graph, join_graphs
from edge_runtime.machine_file import load_machine
from edge_runtime.utc import utc_datetime
from edge_runtime.window import Window
from tests.servers.centre import Centre

BUNDLE = CONFIGS / "models" / "zema-rig"
MACHINE_FILE = CONFIGS / "machines" / "zema.yaml"
MACHINES = int(os.environ.get("BENCH_MACHINES", "10"))
WINDOWS = 96
"""Of each machine."""
BATCH = 24
CLIENTS = 50
SECONDS = 10.0


@dataclass
class Measured:
    """A part of the run: what it did in which wall time and which CPU time, by kind of process."""

    title: str
    windows: int = 0
    wall_s: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def cpu_ms(self) -> float:
        """Of all its processes, for each window."""
        return 1e3 * sum(self.cpu_s.values()) / max(1, self.windows)

    def row(self, loop_ms: float) -> list[str]:
        """Cells of the table; `loop_ms` is what the plain loop takes."""
        percentiles = np.percentile(self.latencies_s, (50, 95, 99)) * 1e3 if self.latencies_s else ()
        parts = ", ".join(f"{name} {1e3 * used / max(1, self.windows):.2f}" for name, used in self.cpu_s.items())
        return [
            self.title,
            str(self.windows),
            f"{self.windows / self.wall_s:.0f}",
            f"{self.cpu_ms:.2f}",
            parts,
            f"{1e3 * (os.cpu_count() or 1) / self.cpu_ms:.0f}",
            f"{self.cpu_ms / loop_ms:.2f}",
            " / ".join(f"{value:.0f}" for value in percentiles) or "–",
            str(self.refused),
        ]


@contextmanager
def measured(title: str, rows: list[Measured], *, here: bool = False) -> Iterator[Measured]:
    """Measure a block: the CPU time of this process, or of those that it has started."""
    item = Measured(title)
    before, started = _cpu_s(here=here), time.perf_counter()
    yield item
    item.wall_s = time.perf_counter() - started
    item.cpu_s = {name: used - before.get(name, 0.0) for name, used in _cpu_s(here=here).items()}
    rows.append(item)
    print(f"{title}: {item.windows} windows, {item.cpu_ms:.2f} CPU ms each", flush=True)


def _cpu_s(*, here: bool) -> dict[str, float]:
    if here:
        return {"here": time.process_time()}
    used: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        with process.oneshot():
            words = " ".join(process.cmdline())
            times = process.cpu_times()
            ended_s = times.children_user + times.children_system  # such as a connection's that was closed
        name = "database" if "postgres" in words else "workers" if "spawn" in words else "server"
        used[name] = used.get(name, 0.0) + times.user + times.system + ended_s
    return used


def peers(kind: Load, rows: list[Measured]) -> None:
    """The model alone, and the plain loop."""
    machine, bundle = load_machine(MACHINE_FILE), open_bundle(BUNDLE)
    backend = OnnxBackend(bundle.model_path)
    windows = [kind.window(machine.name, number) for number in range(256)]
    graphs = [join_graphs([build_graph(machine, one) for one in windows[k : k + 16]]) for k in range(0, 256, 16)]
    with measured("model alone, 16 at a time", rows, here=True) as item:
        for graph in graphs:
            backend.run(graph)
            item.windows += 16
    diagnoser = Diagnoser(machine, bundle, backend)
    diagnoser.diagnose(kind.window(machine.name, 999))
    with measured("plain loop", rows, here=True) as item:
        for window in windows:
            diagnoser.diagnose(window).model_dump_json()
            item.windows += 1


def send_windows(centre: Centre, kind: Load, machine: str) -> None:
    """Enrol a machine's box and send its windows."""
    text = MACHINE_FILE.read_text(encoding="utf-8").replace("name: zema-rig", f"name: {machine}", 1)
    credential = enrol(Link(centre.url), centre.token(machine), machine, "1", text).credential
    headers = {"Authorization": f"Bearer {credential}", "Content-Type": CONTENT_TYPE}
    for number in range(WINDOWS // BATCH):
        windows: list[Window] = [kind.window(machine, number * BATCH + k) for k in range(BATCH)]
        batch = Batch("bench", number, windows=tuple(window_record(window) for window in windows))
        body = encode_batch(batch)
        httpx.post(f"{centre.url}/api/v1/ingest", content=body, headers=headers, timeout=60).raise_for_status()


async def read_range(client: httpx.AsyncClient, machines: list[str], item: Measured) -> None:
    """Diagnose all windows of these machines; again where a loaded machine refuses."""
    asked = {
        "machines": machines,
        "start": utc_datetime(0).isoformat(),
        "end": utc_datetime(WINDOWS * MINUTE_US).isoformat(),
    }
    said = b""
    while b'"done"' not in said:
        async with client.stream("POST", "/api/v1/batch-inference", json=asked) as answer:
            said = await answer.aread()
        item.windows += said.count(b'{"answer"')
        if b'"done"' not in said:
            assert answer.status_code in {200, 503}, said
            item.refused += 1
            await asyncio.sleep(1.0)


async def ask_singles(client: httpx.AsyncClient, machines: list[str], item: Measured, every_s: float) -> None:
    """50 clients ask for windows of all machines, each no sooner than `every_s` after it asked before."""

    async def ask(number: int) -> None:
        await asyncio.sleep(every_s * number / CLIENTS)
        turn = 0
        while (begun := time.perf_counter()) < until:
            minute = (number * 7 + turn) % WINDOWS
            time_of = utc_datetime(minute * MINUTE_US + 1).isoformat()
            asked = {"machine": machines[(number + turn) % len(machines)], "time": time_of}
            answer = await client.post("/api/v1/inference", json=asked)
            assert answer.status_code in {200, 503}, answer.text
            if answer.status_code == 200:
                item.latencies_s.append(time.perf_counter() - begun)
                item.windows += 1
            else:
                item.refused += 1
            turn += 1
            await asyncio.sleep(max(0.0, every_s - (time.perf_counter() - begun)))

    until = time.perf_counter() + SECONDS
    await asyncio.gather(*(ask(number) for number in range(CLIENTS)))


async def compare(folder: Path) -> list[Measured]:
    """Measure with servers that keep their files in `folder`."""
    rows: list[Measured] = []
    kind = load("native rates", "zema-full-rate", BATCH, WINDOWS // BATCH)
    peers(kind, rows)
    machines = [f"rig-{number}" for number in range(MACHINES)]
    async with Processes() as processes:
        postgres = await Postgres.start(processes, folder / "postgres")
        centre = await asyncio.to_thread(
            Centre,
            postgres.url,
            folder / "centre.log",
            inference_bundle=str(BUNDLE),
            inference_requests_per_minute="0",
            box_requests_per_minute="0",
            database_timeout_s="60",
        )
        try:
            for machine in machines:
                await asyncio.to_thread(send_windows, centre, kind, machine)
            made = await asyncio.to_thread(centre.run, "operator", "create", "bench", "--json")
            headers = {"Authorization": f"Bearer {json.loads(made.stdout)['token']}"}
            limits = httpx.Limits(max_connections=CLIENTS + 2)
            async with httpx.AsyncClient(base_url=centre.url, headers=headers, timeout=60, limits=limits) as client:
                await read_range(client, machines, Measured("warm"))
                with measured("batch, 1 reader", rows) as item:
                    await read_range(client, machines, item)
                with measured("batch, 2 readers", rows) as item:
                    half = MACHINES // 2
                    parts: list[Awaitable[None]] = [
                        read_range(client, machines[:half], item), read_range(client, machines[half:], item)
                    ]  # fmt: skip
                    await asyncio.gather(*parts)
                with measured(f"single, {CLIENTS} clients, each once a second", rows) as item:
                    await ask_singles(client, machines, item, every_s=1.0)
                with measured(f"single, {CLIENTS} clients without a pause", rows) as item:
                    await ask_singles(client, machines, item, every_s=0.0)
        finally:
            await asyncio.to_thread(centre.stop)
    return rows


def main() -> None:
    """Measure and print."""
    with scratch_folder() as folder:
        before = os.getloadavg()[0]
        rows = asyncio.run(compare(folder))
    table = Table(
        "",
        "windows",
        "windows/s",
        "CPU ms",
        "of which",
        f"{os.cpu_count()} idle cores: windows/s",
        "× loop's CPU",
        "ms p50/p95/p99",
        "refused",
    )
    for column in (*table.columns[1:4], *table.columns[5:]):
        column.justify = "right"
    loop_ms = next(item.cpu_ms for item in rows if item.title == "plain loop")
    for item in rows:
        table.add_row(*item.row(loop_ms))
    Console(width=160).print(table)
    print(f"load before {before:.1f}, after {os.getloadavg()[0]:.1f}, on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
