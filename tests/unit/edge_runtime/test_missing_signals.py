import numpy as np

from edge_runtime.graph_builder import build_graph
from edge_runtime.missing_signals import missing_signals
from edge_runtime.window import ChannelWindow
from tests.models.tiny_bundle import tiny_machine, window_of


def lacking(machine, **values):
    """Signals that each component misses when these sensors show these values."""
    window = window_of(machine)
    channels = tuple(
        ChannelWindow(c.sensor, c.step_us, values[c.sensor](c.values)) if c.sensor in values else c
        for c in window.channels
    )
    sample = build_graph(machine, type(window)(window.machine, window.start_us, window.end_us, channels))
    found = missing_signals(machine, sample)
    return {component.name: int(n) for component, n in zip(machine.components, found, strict=True) if n}


def silent(values):
    return np.empty(0, np.float32)


def half(values):
    return np.where(np.arange(len(values)) < len(values) // 2, np.nan, values).astype(np.float32)


def test_nothing_is_missing_from_a_whole_window():
    assert lacking(tiny_machine()) == {}


def test_a_silent_sensor_is_missing_wherever_it_has_a_place():
    assert lacking(tiny_machine(), PS1=silent) == {"pump": 1, "valve": 1}


def test_each_silent_sensor_counts():
    assert lacking(tiny_machine(), PS1=silent, EPS1=silent, FS1=silent) == {"pump": 2, "valve": 2}


def test_a_signal_that_is_half_there_is_missing():
    assert lacking(tiny_machine(), TS1=half) == {"tank": 1}
