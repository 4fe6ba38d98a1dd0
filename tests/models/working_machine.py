"""A pump under load as its baseline sees it: windows of a machine that works, idles, warms up and wears."""

from datetime import UTC, datetime

import numpy as np

from edge_runtime.baseline.document import BaselineSource, MachineBaseline
from edge_runtime.baseline.fit import fit_baseline
from edge_runtime.baseline.profile import profile
from edge_runtime.window import ChannelWindow, Window
from tests.models.tiny_bundle import WINDOW_US, tiny_machine

MACHINE = tiny_machine()
CREATED = datetime(2026, 3, 1, tzinfo=UTC)
WORKING_W, IDLING_W = 2400.0, 300.0


def window_at(number, *, power=WORKING_W, pressure=160.0, oil=45.0, flow=9.0, noise=1.0, silent=()):
    """A minute of the tiny machine at work: a reading a second around these values, the same for the same number."""
    random = np.random.default_rng(number)
    levels = {"PS1": (pressure, 0.5), "EPS1": (power, 5.0), "FS1": (flow, 0.05), "TS1": (oil, 0.1)}
    channels = []
    for sensor in MACHINE.sensors:
        level, spread = levels[sensor.name]
        values = level + noise * spread * random.standard_normal(0 if sensor.name in silent else 60)
        channels.append(ChannelWindow(sensor.name, 1_000_000, values.astype(np.float32)))
    return Window(MACHINE.name, number * WINDOW_US, (number + 1) * WINDOW_US, tuple(channels))


def baseline_of(windows, source=BaselineSource.COMMISSIONING) -> MachineBaseline:
    """What is learned from these windows."""
    return fit_baseline(MACHINE, [profile(window) for window in windows], created=CREATED, source=source)
