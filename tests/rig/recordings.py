"""Recordings for the simulated machine: parts of the rig's sample, a reading a second, and what is done to them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from edge_runtime.reading import Float64Array, Series
from edge_runtime.recording import read_recording
from edge_runtime.recording_writer import write_recording

REPOSITORY = Path(__file__).parents[2]
MACHINE = REPOSITORY / "configs" / "machines" / "zema.yaml"
SAMPLE = REPOSITORY / "configs" / "recordings" / "zema-sample"
FULL_RATE = REPOSITORY / "configs" / "recordings" / "zema-full-rate"
CYCLE_US = 60_000_000

# The sample's longest unbroken stretches: the rig runs eight cycles in a row.
UNBROKEN_START_US = 1_420_177_380_000_000
UNBROKEN_CYCLES = 8

Readings = dict[str, Series]
Edit = Callable[[Float64Array], Float64Array]


def part_of_sample(start_us: int, end_us: int) -> Readings:
    """All readings of the sample with start_us <= time < end_us."""
    return {name: whole.between(start_us, end_us) for name, whole in read_recording(SAMPLE).series.items()}


def unbroken(cycles: int, *, first: int = 0) -> Readings:
    """So many cycles without a pause between them; past the end of the stretch it begins anew, with times moved on."""
    stretch = part_of_sample(UNBROKEN_START_US, UNBROKEN_START_US + UNBROKEN_CYCLES * CYCLE_US)
    length_us = UNBROKEN_CYCLES * CYCLE_US
    rounds = -(-(first + cycles) // UNBROKEN_CYCLES)
    start_us = UNBROKEN_START_US + first * CYCLE_US
    return {
        name: Series.ordered(
            np.concatenate([one.times_us + turn * length_us for turn in range(rounds)]),
            np.tile(one.values, rounds),
        ).between(start_us, start_us + cycles * CYCLE_US)
        for name, one in stretch.items()
    }


def edited(readings: Readings, sensor: str, cycles: range, edit: Edit) -> Readings:
    """The readings with one sensor's values in those cycles changed."""
    one = readings[sensor]
    cycle = (one.times_us - one.times_us[0]) // CYCLE_US
    inside = (cycle >= cycles.start) & (cycle < cycles.stop)
    values = one.values.copy()
    values[inside] = edit(values[inside])
    return {**readings, sensor: Series(one.times_us, values, one.statuses)}


def without(readings: Readings, sensor: str, cycles: range) -> Readings:
    """The readings with one sensor silent in those cycles."""
    one = readings[sensor]
    cycle = (one.times_us - one.times_us[0]) // CYCLE_US
    kept = (cycle < cycles.start) | (cycle >= cycles.stop)
    return {**readings, sensor: Series(one.times_us[kept], one.values[kept], one.statuses[kept])}


def write(folder: Path, readings: Mapping[str, Series]) -> Path:
    """Write a recording, and return its folder."""
    write_recording(folder, readings)
    return folder
