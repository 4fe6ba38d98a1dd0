"""kill -9 at any moment: what was acknowledged as stored is there, once, and nothing is there by halves.

HYDROSIGHT_KILLS says how often in all, over the tests of this file; 200 take a few minutes.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import numpy as np

from agent.store.records import RecordClass
from agent.store.store import Store
from cloud_sync.edge.lane import Lane
from tests.stored import MINUTE_US, SECOND_US

KILLS = max(int(os.environ.get("HYDROSIGHT_KILLS", "12")) // 3, 1)


def opened_records(batch):
    return [*batch.windows, *batch.diagnoses, *batch.alerts]


def write_until_killed(what, path, boot, first, acknowledged, moment_s=0.0):
    """Let a process write and kill it so long after this many writes. Returns the last number it said is stored."""
    command = [sys.executable, "-m", "tests.fault.store_writer", what, str(path), boot, str(first)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    last = first - 1
    for _ in range(acknowledged):
        last = int(process.stdout.readline())
    time.sleep(moment_s)
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().splitlines(keepends=True)
    process.wait()
    process.stdout.close()
    return max([last, *(int(line) for line in rest if line.endswith("\n"))])


def test_every_acknowledged_reading_is_there_exactly_once(tmp_path):
    path = tmp_path / "store.db"
    stops = random.Random(1)
    acknowledged, first = [], 0
    for kill in range(KILLS):
        last = write_until_killed("readings", path, f"boot-{kill}", first, stops.randint(1, 60), stops.random() / 50)
        acknowledged += range(first, last + 1)
        first = last + 100  # leaves room for what was stored but not acknowledged
    with Store.open(path, "after") as store:
        assert store.salvage is None
        assert store.statistics().damaged == 0
        series = store.series(0, first * SECOND_US)
    assert set(series) == {"PS1", "PS2", "TS1"}
    for number, sensor in enumerate(["PS1", "PS2", "TS1"]):
        seconds, counts = np.unique(series[sensor].times_us // SECOND_US, return_counts=True)
        assert set(acknowledged) <= set(seconds.tolist())
        assert set(counts.tolist()) == {10}, "an append is there whole or not at all"
        assert np.allclose(series[sensor].values, 1000 * number + series[sensor].times_us / SECOND_US)
        assert len(seconds) <= len(acknowledged) + KILLS
    with closing(sqlite3.connect(path)) as connection:
        blocks = connection.execute(
            "SELECT boot_id, first_counter, readings FROM reading_block ORDER BY boot_id, first_counter"
        ).fetchall()
    expected: dict[int, int] = {}
    for boot_id, first_counter, readings in blocks:
        assert first_counter == expected.get(boot_id, 0), "numbers of a boot have no gap"
        expected[boot_id] = first_counter + readings


def test_window_diagnosis_alert_outbox_and_cursor_are_all_there_or_none(tmp_path):
    path = tmp_path / "store.db"
    stops = random.Random(2)
    first = 0
    for kill in range(KILLS):
        last = write_until_killed("windows", path, f"boot-{kill}", first, stops.randint(1, 30), stops.random() / 50)
        with Store.open(path, f"look-{kill}") as store:
            windows = [item.start_us // MINUTE_US for item in reversed(store.windows(10_000))]
            assert windows == list(range(len(windows)))
            assert len(windows) in {last + 1, last + 2}
            assert len(store.diagnoses(10_000)) == len(store.alerts(10_000)) == len(windows)
            assert store.next_window_start() == len(windows) * MINUTE_US
            assert len(store.unpublished_alerts()) == len(windows)
            # Every third window its alert is taken, and nothing else: what is most urgent goes first.
            waiting = store.statistics().pending
            assert waiting[RecordClass.WINDOW] == waiting[RecordClass.DIAGNOSIS] == len(windows)
            assert 0 <= waiting[RecordClass.ALERT] < len(windows) + 1
            first = len(windows)


def test_batches_stay_numbered_and_whole_over_kills(tmp_path):
    path = tmp_path / "store.db"
    seen = {}
    first = 0
    for kill in range(KILLS):
        first = write_until_killed("windows", path, "one boot", first, 7 + kill) + 2
        with Store.open(path, "one boot") as store:
            for batch in [store.next_batch((lane,)) for lane in Lane] * 2:
                if batch:
                    assert seen.setdefault((batch.boot, batch.number), batch.body) == batch.body
                    assert batch.records == len(opened_records(batch.opened()))
