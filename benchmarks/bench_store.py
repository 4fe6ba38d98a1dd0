"""Making readings durable and reading a minute back, beside a plain SQLite table with a row for each reading.

Both keep every field of a reading, in WAL with synchronous=FULL, and have it on the disk when a call returns. The
readings are the ZeMA rig's at its native rates, 728 a second, handed over a second at a time and in other batches.

    python benchmarks/bench_store.py [FOLDER]     FOLDER: on the disk to be measured; a temporary one when left out
"""

import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from agent.store.store import Store
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading
from edge_runtime.recording import read_recording

RECORDING = Path(__file__).parents[1] / "configs" / "recordings" / "zema-full-rate"
MINUTES = 5
MINUTE_US = 60_000_000
POLL_US = 100_000
BATCHES = (100, 728, 1000)


@dataclass(frozen=True)
class Cost:
    """What one way of storing took."""

    seconds: float
    cpu_seconds: float
    written_bytes: int
    file_bytes: int
    read_ms: float


def rig_readings() -> list[Reading]:
    """The first cycle of the recording again and again, in order of time; they arrive poll by poll."""
    series = read_recording(RECORDING).series
    start_us = min(int(item.times_us[0]) for item in series.values())
    minute = sorted(
        (time_us - start_us, sensor, value)
        for sensor, item in series.items()
        for time_us, value in zip(item.times_us.tolist(), item.values.tolist(), strict=True)
        if time_us < start_us + MINUTE_US
    )
    return [
        Reading(sensor, value, Quality.GOOD, at_us, (at_us // POLL_US + 1) * POLL_US + 1234)
        for number in range(MINUTES)
        for at_us, sensor, value in ((number * MINUTE_US + time_us, sensor, value) for time_us, sensor, value in minute)
    ]


def with_store(folder: Path, batches: Sequence[Sequence[Reading]]) -> Cost:
    """Hydrosight's store, merging once a minute as the agent does."""
    path = folder / "store.db"
    with Store.open(path, "bench") as store:
        merge_every = max(len(batches) // MINUTES, 1)

        def store_all() -> None:
            for number, batch in enumerate(batches, start=1):
                store.append(batch)
                if number % merge_every == 0:
                    store.prune()

        seconds, cpu, written = measured(store_all)
        read_ms = milliseconds(lambda: store.series(MINUTE_US, 2 * MINUTE_US))
    return Cost(seconds, cpu, written, path.stat().st_size, read_ms)


def with_table(folder: Path, batches: Sequence[Sequence[Reading]]) -> Cost:
    """The plain way: one table, one index, one transaction a batch."""
    path = folder / "plain.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE reading (sensor TEXT, time INTEGER, received INTEGER, value REAL, quality INTEGER)"
        )
        connection.execute("CREATE INDEX reading_time ON reading (time)")

        def store_all() -> None:
            for batch in batches:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(
                    "INSERT INTO reading VALUES (?, ?, ?, ?, ?)",
                    [
                        (item.sensor, item.source_time_us, item.received_time_us, item.value, item.quality)
                        for item in batch
                    ],
                )
                connection.execute("COMMIT")

        seconds, cpu, written = measured(store_all)
        query = "SELECT sensor, time, value, quality FROM reading WHERE time >= ? AND time < ? ORDER BY sensor, time"
        read_ms = milliseconds(lambda: connection.execute(query, (MINUTE_US, 2 * MINUTE_US)).fetchall())
    return Cost(seconds, cpu, written, path.stat().st_size, read_ms)


def measured(work: Callable[[], object]) -> tuple[float, float, int]:
    """Seconds, seconds of CPU, and bytes sent to the disk."""
    written, cpu, start = written_bytes(), time.process_time(), time.perf_counter()
    work()
    return time.perf_counter() - start, time.process_time() - cpu, written_bytes() - written


def written_bytes() -> int:
    """What this process has had written to disks so far, as Linux counts it."""
    found = re.search(r"^write_bytes: (\d+)", Path("/proc/self/io").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def milliseconds(work: Callable[[], object]) -> float:
    """The shortest of five runs."""
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        taken.append(1e3 * (time.perf_counter() - start))
    return min(taken)


def main() -> None:
    """Measure and print."""
    parent = sys.argv[1] if len(sys.argv) > 1 else None
    readings = rig_readings()
    table = Table(title=f"{len(readings):,} readings of 17 sensors, durable batch by batch")
    table.add_column("store")
    for title in ("batch", "readings/s", "CPU µs/reading", "a core at 728/s", "written B/reading", "kept B/reading"):
        table.add_column(title, justify="right")
    table.add_column("read a minute, ms", justify="right")
    for size in BATCHES:
        batches = [readings[start : start + size] for start in range(0, len(readings), size)]
        for name, way in (("Hydrosight", with_store), ("plain table", with_table)):
            with tempfile.TemporaryDirectory(dir=parent) as folder:
                cost = way(Path(folder), batches)
            cpu_us = 1e6 * cost.cpu_seconds / len(readings)
            table.add_row(
                name,
                f"{size:,}",
                f"{len(readings) / cost.seconds:,.0f}",
                f"{cpu_us:.2f}",
                f"{728 * cpu_us / 1e4:.2f} %",
                f"{cost.written_bytes / len(readings):.1f}",
                f"{cost.file_bytes / len(readings):.1f}",
                f"{cost.read_ms:.1f}",
            )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
