"""What one minute of one box costs the centre in steady operation: a batch of its own with a window and a diagnosis.

CPU seconds of the server and of PostgreSQL apart, bytes on the wire, of WAL and on the disk, a minute. CPU time
doesn't depend on what else the machine does; docs/scale.md multiplies it by the size of a fleet.

    python -m benchmarks.bench_steady
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.bench_ingest import CONFIGS, MINUTE_US, Load, load
from benchmarks.scratch_folder import scratch_folder
from cloud_sync.batch_codec import CONTENT_TYPE, encode_batch
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import Batch, DiagnosisRecord
from demo.postgres import Postgres
from demo.process import Processes
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.utc import utc_datetime
from tests.servers.centre import Centre

MINUTES = 300
WARM_UP = 30
_MADE_BY_INGEST = ("windows", "window_readings", "diagnoses", "component_diagnoses", "receipts")


@dataclass(frozen=True)
class Cost:
    """Of one minute of one box: CPU in milliseconds, the rest in bytes; `samples` are those of the window."""

    server_ms: float
    database_ms: float
    wire_bytes: float
    wal_bytes: float
    disk_bytes: float
    samples: int


@dataclass(frozen=True)
class _Meter:
    server: psutil.Process
    postgres: psutil.Process
    connection: psycopg.Connection

    def read(self) -> tuple[float, float, int, int]:
        """CPU seconds of server and database so far, position in the WAL, bytes of the tables."""
        row = self.connection.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8, "
            "(SELECT sum(pg_total_relation_size(name::regclass))::int8 FROM unnest(%s::text[]) AS tables (name))",
            [list(_MADE_BY_INGEST)],
        ).fetchone()
        assert row is not None
        return _cpu_s(self.server), _cpu_s(self.postgres), row[0], row[1]


def minutes_of(kind: Load, machine: str) -> list[bytes]:
    """Bodies of the batches that a box seals, one a minute."""
    bundle = open_bundle(CONFIGS / "models" / "zema-rig")
    diagnosis = Diagnoser(bundle.machine, bundle, OnnxBackend(bundle.model_path)).diagnose(kind.windows[0])
    bodies = []
    for number in range(MINUTES + WARM_UP):
        start, end = (utc_datetime((number + k) * MINUTE_US) for k in (0, 1))
        said = diagnosis.model_copy(update={"machine": machine, "window_start": start, "window_end": end})
        record = DiagnosisRecord(machine, number * MINUTE_US, said.model_dump_json().encode())
        bodies.append(encode_batch(Batch("bench", number, kind.batch(machine, number).windows, (record,))))
    return bodies


def measure(centre: Centre, meter: _Meter, kind: Load, machine: str) -> Cost:
    """Send a box's minutes one after the other."""
    credential = enrol(Link(centre.url), centre.token(machine), machine, "1", "").credential
    bodies = minutes_of(kind, machine)
    headers = {"Authorization": f"Bearer {credential}", "Content-Type": CONTENT_TYPE}
    with httpx.Client(base_url=centre.url, headers=headers, timeout=60) as client:
        for body in bodies[:WARM_UP]:
            client.post("/api/v1/ingest", content=body).raise_for_status()
        before = meter.read()
        for body in bodies[WARM_UP:]:
            client.post("/api/v1/ingest", content=body).raise_for_status()
        server_s, database_s, wal, disk = (end - start for start, end in zip(before, meter.read(), strict=True))
    return Cost(
        server_ms=1000 * server_s / MINUTES,
        database_ms=1000 * database_s / MINUTES,
        wire_bytes=sum(map(len, bodies[WARM_UP:])) / MINUTES,
        wal_bytes=wal / MINUTES,
        disk_bytes=disk / MINUTES,
        samples=sum(len(channel.values) for channel in kind.windows[0].channels),
    )


async def compare(folder: Path) -> Table:
    """Measure with servers that keep their files in `folder`."""
    table = Table(
        "a minute of a rig", "samples", "server, CPU ms", "PostgreSQL, CPU ms", "wire, kB", "WAL, kB", "disk, kB"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    async with Processes() as processes:
        postgres = await Postgres.start(processes, folder / "postgres")
        centre = await asyncio.to_thread(Centre, postgres.url, folder / "centre.log", box_requests_per_minute="0")
        try:
            with psycopg.connect(postgres.url, autocommit=True) as connection:
                meter = _Meter(_serving(centre.port), _serving(connection.info.port), connection)
                for kind in (load("native rates", "zema-full-rate", 1), load("1 Hz", "zema-sample", 1)):
                    machine = kind.title.replace(" ", "-")
                    cost = await asyncio.to_thread(measure, centre, meter, kind, machine)
                    sizes = (cost.wire_bytes, cost.wal_bytes, cost.disk_bytes)
                    table.add_row(
                        kind.title,
                        f"{cost.samples:,}",
                        f"{cost.server_ms:.1f}",
                        f"{cost.database_ms:.1f}",
                        *(f"{size / 1000:.1f}" for size in sizes),
                    )
        finally:
            await asyncio.to_thread(centre.stop)
    return table


def _serving(port: int) -> psutil.Process:
    """The process that listens on this port: of one and its children, the parent."""
    pids = {c.pid for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port and c.pid}
    return next(process for process in map(psutil.Process, sorted(pids)) if process.ppid() not in pids)


def _cpu_s(process: psutil.Process) -> float:
    """CPU of a process and its children, those that have ended too."""
    own = process.cpu_times()
    return (
        own.children_user
        + own.children_system
        + sum(
            times.user + times.system for times in (p.cpu_times() for p in [process, *process.children(recursive=True)])
        )
    )


def main() -> None:
    """Measure and print."""
    with scratch_folder() as folder:
        Console().print(asyncio.run(compare(folder)))


if __name__ == "__main__":
    main()
