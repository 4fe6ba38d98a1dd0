"""The store beside a plain SQLite table with a row for each reading: storing, reading windows, room, wear, memory.

Both keep every field of a reading, in WAL with synchronous=FULL, and have it on the disk when a call returns. The
readings are the ZeMA rig's at its native rates, 728 a second: two different cycles in turn, a minute each, so that no
block holds anything twice; they arrive poll by poll, up to a millisecond late. Every figure is the median of five runs.

    PYTHONPATH=. python benchmarks/bench_store.py [--folder FOLDER] [--json FILE]

FOLDER is on the disk to be measured; a temporary one when left out. FILE gets the tables as JSON.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.table import Table

from agent.store.block import Block
from agent.store.store import Store
from benchmarks.plain_table import PlainTable
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading
from edge_runtime.recording import read_recording

RECORDING = Path(__file__).parents[1] / "configs" / "recordings" / "zema-full-rate"
RUNS = 5
MINUTES = 6
MINUTE_US = 60_000_000
SECOND_READINGS = 728
POLL_US = 100_000
BATCHES = (100, 1_000, 10_000)
BEATS_A_PRUNE = 30
BACKLOGS = (1_000_000, 10_000_000)


@dataclass(frozen=True)
class Storing:
    """What storing batch by batch took."""

    store: str
    batch: int
    samples_per_s: float
    cpu_us_per_sample: float


@dataclass(frozen=True)
class Keeping:
    """What steady operation at the rig's rate leaves and costs: a batch a second, retention every half minute."""

    store: str
    file_bytes_per_sample_before_merging: float
    file_bytes_per_sample: float
    written_bytes_per_sample: float
    written_gb_per_day: float
    read_samples_per_s: float
    read_cpu_us_per_sample: float


@dataclass(frozen=True)
class Backlog:
    """What a process that opens a store, takes its figures, merges and reads a window needs."""

    readings: int
    resident_mb: float


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    seconds: float
    cpu_seconds: float
    written_bytes: int


def rig_readings() -> list[Reading]:
    """Both cycles of the recording in turn, in order of arrival."""
    series = read_recording(RECORDING).series
    first_us = min(int(item.times_us[0]) for item in series.values())
    last_us = max(int(item.times_us[-1]) for item in series.values())
    starts_us = (first_us, last_us // 10_000_000 * 10_000_000 - MINUTE_US + 10_000_000)
    cycles = [
        sorted(
            (time_us - start_us, sensor, value)
            for sensor, item in series.items()
            for part in (item.between(start_us, start_us + MINUTE_US),)
            for time_us, value in zip(part.times_us.tolist(), part.values.tolist(), strict=True)
        )
        for start_us in starts_us
    ]
    late_us = np.random.default_rng(1).integers(0, 1000, MINUTES * MINUTE_US // POLL_US + 1).tolist()
    readings = []
    for minute in range(MINUTES):
        for time_us, sensor, value in cycles[minute % 2]:
            at_us = minute * MINUTE_US + time_us
            poll = at_us // POLL_US
            readings.append(Reading(sensor, value, Quality.GOOD, at_us, (poll + 1) * POLL_US + late_us[poll]))
    return readings


def open_store(path: Path) -> Store:
    """Ours."""
    return Store.open(path, "bench")


T = TypeVar("T")
WAYS: dict[str, Callable[[Path], Store | PlainTable]] = {"Hydrosight": open_store, "plain table": PlainTable}


def measured(work: Callable[[], object]) -> Cost:
    """What some work takes."""
    written, cpu, start = written_bytes(), time.process_time(), time.perf_counter()
    work()
    return Cost(time.perf_counter() - start, time.process_time() - cpu, written_bytes() - written)


def written_bytes() -> int:
    """What this process has had written to disks so far, as Linux counts it."""
    found = re.search(r"^write_bytes: (\d+)", Path("/proc/self/io").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def median(costs: Sequence[Cost], figure: str) -> float:
    """Of one figure over the runs."""
    return float(statistics.median(getattr(cost, figure) for cost in costs))


def each(store: Callable[[T], object], batches: Sequence[T]) -> None:
    """Store one batch after the other."""
    for batch in batches:
        store(batch)


def batches_of(readings: Sequence[Reading], size: int) -> list[Sequence[Reading]]:
    """The readings, so many at a time."""
    return [readings[start : start + size] for start in range(0, len(readings), size)]


def storing(readings: Sequence[Reading], folder: str | None) -> list[Storing]:
    """Every way with every batch, in turn, so that whatever else the machine does falls on all of them."""
    costs: dict[tuple[str, int], list[Cost]] = {}
    for _ in range(RUNS):
        for size in BATCHES:
            batches = batches_of(readings, size)
            blocks = [Block.of(batch) for batch in batches]
            for name, way in WAYS.items():
                with tempfile.TemporaryDirectory(dir=folder) as where, closing(way(Path(where) / "store.db")) as store:
                    cost = measured(partial(each, store.append, batches))
                costs.setdefault((name, size), []).append(cost)
            with tempfile.TemporaryDirectory(dir=folder) as where, open_store(Path(where) / "store.db") as store:
                cost = measured(partial(each, store.append_block, blocks))
            costs.setdefault(("Hydrosight, from arrays", size), []).append(cost)
    count = len(readings)
    return [
        Storing(name, size, count / median(found, "seconds"), 1e6 * median(found, "cpu_seconds") / count)
        for (name, size), found in costs.items()
    ]


def keeping(readings: Sequence[Reading], folder: str | None) -> list[Keeping]:
    """Every way at the rig's rate."""
    return [keeping_one(name, way, readings, folder) for name, way in WAYS.items()]


def keeping_one(
    name: str, way: Callable[[Path], Store | PlainTable], readings: Sequence[Reading], folder: str | None
) -> Keeping:
    """One way at the rig's rate: its file without and with merging, what it writes, how fast it reads windows."""
    batches = batches_of(readings, SECOND_READINGS)
    count = len(readings)
    with tempfile.TemporaryDirectory(dir=folder) as where:
        path = Path(where) / "unmerged.db"
        with closing(way(path)) as store:
            for batch in batches:
                store.append(batch)
        before_merging = path.stat().st_size / count
        path = Path(where) / "store.db"
        with closing(way(path)) as store:

            def run() -> None:
                for number, batch in enumerate(batches, start=1):
                    store.append(batch)
                    if number % BEATS_A_PRUNE == 0:
                        store.prune()

            written = measured(run).written_bytes
            windows = range(0, MINUTES * MINUTE_US, MINUTE_US)
            reads = [
                measured(lambda: [store.series(start_us, start_us + MINUTE_US) for start_us in windows])
                for _ in range(RUNS)
            ]
        return Keeping(
            name,
            before_merging,
            path.stat().st_size / count,
            written / count,
            written / len(batches) * 86_400 / 1e9,
            count / median(reads, "seconds"),
            1e6 * median(reads, "cpu_seconds") / count,
        )


def backlogs(readings: Sequence[Reading], folder: str | None) -> list[Backlog]:
    """Memory of a fresh process over stores with ever more readings that nothing has been done with yet."""
    found = []
    blocks = [Block.of(batch) for batch in batches_of(readings, 10_000)]
    for size in BACKLOGS:
        with tempfile.TemporaryDirectory(dir=folder) as where:
            path = Path(where) / "store.db"
            with open_store(path) as store:
                for number in range(size // 10_000):
                    block = blocks[number % len(blocks)]
                    shift = number // len(blocks) * MINUTES * MINUTE_US
                    store.append_block(
                        Block(
                            block.sensors,
                            block.counts,
                            block.times_us + shift,
                            block.received_us + shift,
                            block.values,
                            block.statuses,
                        )
                    )
            found.append(Backlog(size, statistics.median(resident_mb(path) for _ in range(RUNS))))
    return found


def resident_mb(path: Path) -> float:
    """The most memory that a process needs which opens the store and does each kind of work once."""
    code = (
        "import re, sys; from pathlib import Path; from agent.store.store import Store\n"
        "with Store.open(Path(sys.argv[1]), 'look') as store:\n"
        "    store.statistics(); store.next_batch(); store.prune()\n"
        "    store.series(0, 60_000_000); store.latest_readings()\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) / 1024)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    return float(run.stdout)


def show(title: str, rows: Sequence[Storing | Keeping | Backlog]) -> None:
    """One table."""
    table = Table(title=title, title_justify="left")
    fields = asdict(rows[0])
    for name, value in fields.items():
        table.add_column(name.replace("_", " "), justify="left" if isinstance(value, str) else "right")
    for row in rows:
        table.add_row(*(shown(value) for value in asdict(row).values()))
    Console(width=150).print(table)


def shown(value: str | float) -> str:
    """One cell."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if isinstance(value, int) or value >= 1000 else f"{value:.2f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The store beside a plain SQLite table.")
    parser.add_argument("--folder", help="on the disk to be measured")
    parser.add_argument("--json", type=Path, help="where to write the tables as JSON")
    arguments = parser.parse_args()
    readings = rig_readings()
    tables: dict[str, Sequence[Storing | Keeping | Backlog]] = {
        f"Storing {len(readings):,} readings of 17 sensors, durable batch by batch": storing(
            readings, arguments.folder
        ),
        "Steady operation, a batch a second": keeping(readings, arguments.folder),
        "Memory over a backlog": backlogs(readings, arguments.folder),
    }
    for title, rows in tables.items():
        show(title, rows)
    if arguments.json:
        arguments.json.write_text(
            json.dumps({title: [asdict(row) for row in rows] for title, rows in tables.items()}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
