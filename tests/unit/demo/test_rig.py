"""What the rig will do, as its recording says."""

from pathlib import Path

import numpy as np

from demo.rig import Script
from edge_runtime.reading import Series
from edge_runtime.recording import LabelRow, Recording

MINUTE = 60_000_000


def script() -> Script:
    times = np.concatenate([np.arange(k * MINUTE, (k + 1) * MINUTE, 1_000_000) for k in (0, 1, 5)])
    rows = [LabelRow(k * MINUTE, (k + 1) * MINUTE, {"pump": k}) for k in (5, 0, 1)]
    return Script(Recording(Path("rig"), {"PS1": Series.ordered(times, times / 1e6)}, tuple(rows)))


def test_cycles_come_in_order_of_time():
    assert list(script().labels) == [0, MINUTE, 5 * MINUTE]
    assert script().labels[MINUTE] == {"pump": 1}
    assert script().last_start_us == 5 * MINUTE


def test_what_comes_after_the_cycle_that_the_box_joined_in_is_counted():
    starts = script().after(0)
    assert starts == [MINUTE, 5 * MINUTE]
    readings = script().readings(starts)["PS1"]
    assert len(readings) == 120
    assert readings.times_us[0] == MINUTE
