"""A whole fleet comes back at once: what becomes of its batches, and how long it takes.

Each box has a credential of its own and sends minutes of the rig one after the other; all start at the same moment and
do as boxes do when they are told to wait. Afterwards the rows are counted: every acknowledged batch is there, once.

    python -m benchmarks.bench_fleet --boxes 1000
"""

import argparse
import asyncio
import statistics
import time
from pathlib import Path

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.bench_ingest import load
from benchmarks.scratch_folder import scratch_folder
from cloud_sync.batch_codec import encode_batch
from cloud_sync.edge.retry import RetryPolicy
from demo.postgres import Postgres
from demo.process import Processes
from tests.servers.centre import Centre
from tests.servers.fleet import FleetResult, enrol_all, send_all


async def measure(folder: Path, boxes: int, batches: int) -> Table:
    """Enrol the boxes, let them send, count."""
    machines = [f"rig-{number}" for number in range(boxes)]
    minutes = load("1 Hz", "zema-sample", windows_per_batch=1)
    bodies = {m: [encode_batch(minutes.batch(m, n)) for n in range(batches)] for m in machines}
    async with Processes() as processes:
        postgres = await Postgres.start(processes, folder / "postgres")
        centre = await asyncio.to_thread(Centre, postgres.url, folder / "centre.log")
        try:
            started = time.perf_counter()
            credentials = await enrol_all(postgres.url, centre.url, machines)
            enrolled_s = time.perf_counter() - started
            before_s = cpu_s(centre.pid)
            result = await send_all(centre.url, credentials, bodies, RetryPolicy())
            used_s = cpu_s(centre.pid) - before_s
        finally:
            await asyncio.to_thread(centre.stop)
        async with await psycopg.AsyncConnection.connect(postgres.url) as connection:
            cursor = await connection.execute("SELECT (SELECT count(*) FROM receipts), (SELECT count(*) FROM windows)")
            receipts, windows = await cursor.fetchone() or (0, 0)
    channels = len(minutes.window("rig", 0).channels)
    return table(result, boxes, batches, enrolled_s, used_s, (receipts, windows, boxes * batches * channels))


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def table(
    result: FleetResult, boxes: int, batches: int, enrolled_s: float, used_s: float, rows: tuple[int, int, int]
) -> Table:
    """All figures, one a line."""
    receipts, windows, expected = rows
    cuts = statistics.quantiles(result.latency_s, n=100)
    said = Table("figure", "value", title=f"{boxes} boxes at once, {batches} batches each")
    said.columns[1].justify = "right"
    said.add_row("enrolled over HTTP", f"{enrolled_s:.1f} s")
    for status, count in sorted(result.answers.items()):
        said.add_row("no answer" if status == 0 else f"answers {status}", f"{count:,}")
    said.add_row("refused for load without Retry-After", str(result.without_retry_after))
    said.add_row("answer to an accepted batch: median", f"{cuts[49]:.2f} s")
    said.add_row("95 of 100 within", f"{cuts[94]:.2f} s")
    said.add_row("longest", f"{max(result.latency_s):.2f} s")
    said.add_row("until all were acknowledged", f"{result.seconds:.1f} s")
    said.add_row("the centre's CPU time a batch", f"{1000 * used_s / (boxes * batches):.1f} ms")
    said.add_row("receipts in the database", f"{receipts:,} of {boxes * batches:,}")
    said.add_row("windows' rows in the database", f"{windows:,} of {expected:,}")
    said.add_row("load of this machine meanwhile", f"{psutil.getloadavg()[0]:.1f}")
    return said


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=1000)
    parser.add_argument("--batches", type=int, default=3, help="of each box")
    options = parser.parse_args()
    with scratch_folder() as folder:
        Console().print(asyncio.run(measure(folder, options.boxes, options.batches)))


if __name__ == "__main__":
    main()
