"""From stored readings to the model's input: what each step takes on one core, beside the plain way to do it.

The plain way is what a reader of the definitions would write first, a sensor at a time with numpy and scipy. Both give
the same numbers; the unit tests hold them to that.

    python benchmarks/bench_features.py
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import scipy.signal
import scipy.stats
from rich.console import Console
from rich.table import Table

from edge_runtime.features.classic import classic_features
from edge_runtime.graph_builder import build_graph
from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording
from edge_runtime.windowing import cut_window

CONFIGS = Path(__file__).parents[1] / "configs"
REPEATS = 200


def plain_classic(values: np.ndarray, step_s: float) -> list[float]:
    """`classic-34` of one signal without gaps, by library calls."""
    centred = values - values.mean()
    spectrum = np.abs(np.fft.rfft(centred))[1:] * 2 / len(values)
    return [
        values.mean(),
        values.std(),
        values.min(),
        values.max(),
        np.median(values),
        *(np.percentile(values, q) for q in (5, 25, 75, 95)),
        scipy.stats.skew(values),
        scipy.stats.kurtosis(values),
        *np.sort(spectrum)[::-1][:10],
        np.fft.rfftfreq(len(values), step_s)[1 + spectrum.argmax()],
        scipy.stats.entropy(spectrum**2) / np.log(len(spectrum)),
        *(values[-width:].mean() for width in (5, 10, 30)),
        *(values[-width:].std() for width in (5, 10, 30)),
        scipy.signal.lfilter([0.1], [1, -0.9], values, zi=[0.9 * values[0]])[0][-1],
        *(centred[lag:] @ centred[:-lag] / (centred @ centred) for lag in (1, 5, 10)),
        np.polyfit(np.arange(len(values)) / len(values), values, 1)[0],
    ]


def each_signal(signals: np.ndarray, step_s: float) -> None:
    """The plain way, over all signals."""
    for values in signals:
        plain_classic(values, step_s)


def milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Median and 95th percentile of `REPEATS` runs."""
    work()
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        taken.append(1e3 * (time.perf_counter() - start))
    return float(np.median(taken)), float(np.percentile(taken, 95))


def main() -> None:
    """Measure and print."""
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    rng = np.random.default_rng(0)
    steps: list[tuple[str, str, Callable[[], object]]] = []
    for name, title in (("zema-sample", "rig at 1 Hz"), ("zema-full-rate", "rig at native rates (100, 10, 1 Hz)")):
        recording = read_recording(CONFIGS / "recordings" / name)
        row = recording.labels[-1]
        window = cut_window(machine, recording.series, row.start_us, row.end_us)
        steps.append((title, "cut window", partial(cut_window, machine, recording.series, row.start_us, row.end_us)))
        steps.append((title, "features and graph", partial(build_graph, machine, window)))
    for samples in (60, 6000):
        signals = 150 + rng.normal(0, 5, (len(machine.sensors), samples))
        title = f"17 signals of {samples} samples"
        steps.append((title, "classic-34", partial(classic_features, signals, 60 / samples)))
        steps.append((title, "classic-34, the plain way", partial(each_signal, signals, 60 / samples)))

    table = Table("input", "step", "median ms", "p95 ms")
    for column in table.columns[2:]:
        column.justify = "right"
    for title, step, work in steps:
        median, late = milliseconds(work)
        table.add_row(title, step, f"{median:.2f}", f"{late:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
