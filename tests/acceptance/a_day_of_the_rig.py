"""A simulated day at the rig, in a process of its own: prints the resident memory after each hour, a JSON list of MB.

Everything that the agent does with readings is done, on simulated time: they are stored, windows are diagnosed, batches
go to a centre that takes them all, old data is shed. Run as `python a_day_of_the_rig.py FOLDER BUNDLE HOURS`.
"""

import gc
import json
import os
import sys
from pathlib import Path

from agent.alerts import AlertTracker
from agent.pipeline import Pipeline
from agent.settings import AlertSettings
from agent.store.retention import Retention
from agent.store.store import Store
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading
from tests.rig.recordings import UNBROKEN_CYCLES, unbroken

SECOND_US = 1_000_000
BEAT_S = 10
HOUSEKEEPING_S = 60
STORE_BYTES = 4 * 2**20
"""A few hours of the rig's readings a second, so that most of the day is spent shedding."""
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_mb() -> float:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def day(folder: Path, bundle_path: Path, hours: int) -> list[float]:
    """Live through it."""
    cycles = unbroken(UNBROKEN_CYCLES)
    columns = [(name, one.times_us.tolist(), one.values.tolist()) for name, one in cycles.items()]
    start_us = min(times[0] for _, times, _ in columns)
    seconds = UNBROKEN_CYCLES * 60
    now_us = start_us
    store = Store.open(
        folder / "store.db", "day", retention=Retention(STORE_BYTES, min_free_bytes=0), now_us=lambda: now_us
    )
    bundle = open_bundle(bundle_path)
    machine = bundle.machine
    diagnoser = Diagnoser(machine, bundle, OnnxBackend(bundle.model_path))
    pipeline = Pipeline(machine, store, diagnoser, AlertTracker(machine, AlertSettings()), 2 * SECOND_US)
    memory: list[float] = []
    for second in range(0, hours * 3600, BEAT_S):
        now_us = start_us + (second + BEAT_S) * SECOND_US
        turn_us, first = divmod(second, seconds)[0] * seconds * SECOND_US, second % seconds
        readings = [
            Reading(name, values[k], Quality.GOOD, times[k] + turn_us, now_us)
            for name, times, values in columns
            for k in range(first, first + BEAT_S)
        ]
        pipeline.store_readings(readings)
        while pipeline.diagnose_next():
            pass
        if second % HOUSEKEEPING_S == 0:
            while batch := store.next_batch():
                store.acknowledge(batch.boot, batch.number)
            store.prune()
            store.statistics()
        if (second + BEAT_S) % 3600 == 0:
            gc.collect()
            memory.append(resident_mb())
    statistics = store.statistics()
    assert len(store.windows(limit=10**6)) > 0
    assert statistics.losses, "the store never became full"
    store.close()
    return memory


if __name__ == "__main__":
    sys.stdout.write(json.dumps(day(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
