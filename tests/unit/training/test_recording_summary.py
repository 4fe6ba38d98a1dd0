from pathlib import Path

import numpy as np
import pytest

from edge_runtime.machine import Machine
from edge_runtime.reading import Series
from edge_runtime.recording import LabelRow, Recording
from training.recording_summary import summarise


def test_rates_gaps_and_values_of_each_sensor(machine: Machine):
    times = np.array([0, 10, 20, 30, 100, 110]) * 1000
    values = np.array([1.0, 2, np.nan, 4, 5, 6])
    unknown = Series.ordered(np.array([0]), np.array([np.nan]))
    found = summarise(machine, Recording(Path("press"), {"X": unknown, "PS1": Series.ordered(times, values)}))
    known, other = found.sensors
    assert (known.sensor, known.unit, known.readings, known.gaps) == ("PS1", "bar", 6, 1)
    assert known.rate_hz == pytest.approx(100)
    assert known.longest_gap_s == pytest.approx(0.07)
    assert known.missing == pytest.approx(1 / 6)
    assert (known.low, known.median, known.high) == (1, 4, 6)
    assert (other.unit, other.rate_hz, other.median, other.missing) == ("?", None, None, 1.0)


def test_stable_rows_are_counted_by_level_and_by_group(machine: Machine):
    rows = (
        LabelRow(0, 1, {"pump": 0, "shift": "a"}),
        LabelRow(1, 2, {"pump": 2, "shift": "b"}),
        LabelRow(2, 3, {"pump": 1, "shift": "c"}, stable=False),
    )
    found = summarise(machine, Recording(Path("press"), {}, rows))
    assert (found.label_rows, found.stable_rows) == (3, 2)
    assert found.levels["pump"] == {"0": 1, "1": 0, "2": 1}
    assert found.groups == {"shift": 2}
