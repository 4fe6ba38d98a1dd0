"""From a window to features: what it costs on one core, beside others' ways and the least that it could.

One window of 17 sensors × 6,000 samples, a minute at 100 Hz. The least is one sort and one FFT of the same data: the
quantiles and the spectrum need them. Peers compute the features that they share with us only; where they mean the same
the answers are compared first. Then what the agent does with a window of the rig. CPU time, median of five rounds, each
of which takes every way in turn.

    python benchmarks/bench_features.py
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.feature_peers import peers
from edge_runtime.features.classic import CLASSIC, classic_features
from edge_runtime.features.hydraulic import hydraulic_features
from edge_runtime.features.sequence import TOKENS, window_means
from edge_runtime.graph_builder import build_graph
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording
from edge_runtime.window import ChannelWindow, Window
from edge_runtime.windowing import cut_window

CONFIGS = Path(__file__).parents[1] / "configs"
RATE_HZ = 100.0
SAMPLES = 6000
ROUNDS = 5
SPELL_S = 0.2
"""A way is repeated for so long in each round, if it is fast."""

Way = Callable[[], object]


def at_least(signals: np.ndarray) -> None:
    """One sort and one FFT."""
    np.sort(signals, axis=1)
    np.fft.rfft(signals, axis=1)


def all_sets(signals: np.ndarray) -> None:
    """`classic-34`, `sequence-64` and `hydraulic-4` of the signals themselves, not of means."""
    features, _ = classic_features(signals, 1 / RATE_HZ)
    window_means(signals, 1e6 / RATE_HZ, SAMPLES * 1e6 / RATE_HZ, TOKENS)
    means = features[:, CLASSIC.names.index("mean")].astype(np.float64)
    hydraulic_features(means[:6], means[6:10], means[10:12], means[:6], means[:6].reshape(3, 2))


def window_of(machine: Machine, signals: np.ndarray) -> Window:
    """The signals as a window of the machine."""
    step_us = round(1e6 / RATE_HZ)
    values = signals.astype(np.float32)
    channels = (ChannelWindow(s.name, step_us, row) for s, row in zip(machine.sensors, values, strict=True))
    return Window(machine.name, 0, step_us * SAMPLES, tuple(channels))


def milliseconds(way: Way) -> float:
    """CPU time of one call, the mean over a spell."""
    calls, start = 0, time.process_time()
    while not calls or time.process_time() - start < SPELL_S:
        way()
        calls += 1
    return 1e3 * (time.process_time() - start) / calls


def measured(ways: Mapping[str, Way]) -> dict[str, float]:
    """Median of the rounds, by way."""
    for way in ways.values():
        way()
    rounds = [{title: milliseconds(way) for title, way in ways.items()} for _ in range(ROUNDS)]
    return {title: statistics.median(one[title] for one in rounds) for title in ways}


def compare(signals: np.ndarray, console: Console) -> dict[str, Way]:
    """The peers that are installed, once they have given our numbers."""
    ours, _ = classic_features(signals, 1 / RATE_HZ)
    installed, lacking = peers()
    for library in lacking:
        console.print(f"{library} is not installed and left out: pip install --constraint constraints.txt '.[bench]'")
    for title, peer in installed.items():
        for name, theirs in peer(signals, RATE_HZ).items():
            # pandas takes each part of a lagged pair less its own mean, which differs by the ends.
            tolerance = 1e-2 if name.startswith("autocorrelation") else 1e-4
            np.testing.assert_allclose(theirs, ours[:, CLASSIC.names.index(name)], tolerance, tolerance, err_msg=title)
    return {title: partial(peer, signals, RATE_HZ) for title, peer in installed.items()}


def main() -> None:
    """Measure and print."""
    console = Console()
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    rng = np.random.default_rng(0)
    signals = 150 + np.cumsum(rng.normal(0, 0.1, (len(machine.sensors), SAMPLES)), axis=1)
    signals += rng.normal(0, 2, signals.shape)

    ways: dict[str, Way] = {
        "one sort and one FFT": partial(at_least, signals),
        "classic-34": partial(classic_features, signals, 1 / RATE_HZ),
        "all sets, of 17 × 6,000 samples": partial(all_sets, signals),
        "all sets as the model takes them, residuals included": partial(
            build_graph, machine, window_of(machine, signals)
        ),
        **compare(signals, console),
    }
    taken = measured(ways)
    table = Table("17 sensors × 6,000 samples", "CPU ms", "× classic-34", "× sort and FFT")
    for title, took in taken.items():
        ratios = (f"{took / taken[other]:,.1f}" for other in ("classic-34", "one sort and one FFT"))
        table.add_row(title, f"{took:,.2f}", *ratios)
    _print(console, table)

    steps: dict[str, Way] = {}
    for name, title in (("zema-sample", "1 Hz"), ("zema-full-rate", "native rates")):
        recording = read_recording(CONFIGS / "recordings" / name)
        row = recording.labels[-1]
        cut = partial(cut_window, machine, recording.series, row.start_us, row.end_us)
        steps[f"cutting the window, {title}"] = cut
        steps[f"features and graph, {title}"] = partial(build_graph, machine, cut())
    table = Table("a window of the rig", "CPU ms")
    for title, took in measured(steps).items():
        table.add_row(title, f"{took:.2f}")
    _print(console, table)


def _print(console: Console, table: Table) -> None:
    for column in table.columns[1:]:
        column.justify = "right"
    console.print(table)


if __name__ == "__main__":
    main()
