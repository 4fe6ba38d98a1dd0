"""What judging readings at the source costs on one core, and what thinning leaves of a recording.

Beats of one second of the rig's 17 sensors at native rates, as the agent judges them, beside the plain way: one
reading at a time, checked against its valid range only.

    python benchmarks/bench_quality.py
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from agent.sensor_judge import SensorJudge
from agent.settings import ThinningSettings
from agent.store.block import Block, encode_block
from agent.store.thinning import thin
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from edge_runtime.quality_check import QualityCheck
from edge_runtime.recording import read_recording

CONFIGS = Path(__file__).parents[1] / "configs"
SECOND_US = 1_000_000
REPEATS = 5


def blocks(span_us: int) -> list[Block]:
    """The recording at native rates, cut into blocks of this length."""
    series = read_recording(CONFIGS / "recordings" / "zema-full-rate").series
    first = min(int(one.times_us[0]) for one in series.values())
    last = max(int(one.times_us[-1]) for one in series.values())
    found = []
    for start_us in range(first, last + 1, span_us):
        parts = {name: part for name, one in series.items() if len(part := one.between(start_us, start_us + span_us))}
        if parts:
            times_us = np.concatenate([part.times_us for part in parts.values()])
            found.append(
                Block(
                    tuple(parts),
                    np.array([len(part) for part in parts.values()], np.int64),
                    times_us,
                    times_us,
                    np.concatenate([part.values for part in parts.values()]),
                    np.zeros(len(times_us), np.uint8),
                )
            )
    return found


def check(machine: Machine, beats: Sequence[Block]) -> None:
    """Each reading by itself and in view of the ones before it."""
    quality = QualityCheck(machine)
    state = quality.begin()
    for beat in beats:
        _, state = quality.judge(state, beat)


def everything(machine: Machine, beats: Sequence[Block]) -> None:
    """That, the balances between the sensors, and the sensors' health."""
    judge = SensorJudge(machine)
    for beat in beats:
        judge.stored(judge.judge(beat))
        judge.health()


def plain(machine: Machine, beats: Sequence[Block]) -> None:
    """Range and finiteness alone, a reading at a time."""
    limits = {sensor.name: (sensor.valid_min, sensor.valid_max) for sensor in machine.sensors}
    for beat in beats:
        for sensor, rows in beat.by_sensor():
            low, high = limits[sensor]
            for value in beat.values[rows].tolist():
                if not math.isfinite(value) or not low <= value <= high:
                    raise AssertionError(sensor)


def cpu_us(run: Callable[[Machine, Sequence[Block]], None], machine: Machine, beats: Sequence[Block]) -> float:
    """Median CPU time of a reading, microseconds."""
    readings = sum(len(beat) for beat in beats)
    spent = []
    for _ in range(REPEATS):
        began = time.process_time()
        run(machine, beats)
        spent.append(time.process_time() - began)
    return float(np.median(spent)) / readings * 1e6


def main() -> None:
    """Measure and print."""
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    console = Console()
    table = Table("judging, beats of a second", "µs of CPU a reading")
    beats = blocks(SECOND_US)
    for name, run in (("check", check), ("check, balances, health", everything), ("plain: range only", plain)):
        table.add_row(name, f"{cpu_us(run, machine, beats):.2f}")
    console.print(table)

    table = Table("thinning, blocks of a minute", "readings left", "bytes left")
    for own_change in (20.0, 50.0):
        before = after = bytes_before = bytes_after = 0
        held_us = None
        for block in blocks(60 * SECOND_US):
            thinned = thin(ThinningSettings(own_change=own_change).rule, block, 2**62, held_us)
            held_us = thinned.held_until_us
            before, after = before + len(block), after + len(thinned.block)
            bytes_before += len(encode_block(block))
            bytes_after += len(encode_block(thinned.block))
        table.add_row(f"own_change {own_change:g}", f"{after / before:.0%}", f"{bytes_after / bytes_before:.0%}")
    console.print(table)


if __name__ == "__main__":
    main()
