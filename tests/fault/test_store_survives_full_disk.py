"""A disk without room: new readings take the place of old ones, nothing of worth is lost, and it is over by itself."""

import ctypes
import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from agent.store.losses import Cause
from agent.store.records import RecordClass
from agent.store.retention import Retention
from agent.store.store import Store
from edge_runtime.errors import StoreError, StoreFullError
from tests.stored import MINUTE_US, SECOND_US, alert, diagnosis, readings, window

SENSORS = [f"S{n}" for n in range(8)]
NO_MARGIN = Retention(min_free_bytes=0)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MiB of its own; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"size=24m"):
        pytest.skip(f"can't mount a small file system: {errno.errorcode[ctypes.get_errno()]}")
    yield folder
    assert libc.umount2(os.fsencode(folder), 2) == 0


def fill(folder: Path) -> Path:
    """Another program takes what room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\1" * 4096):
            pass
    assert shutil.disk_usage(folder).free == 0
    return filler


def append_minute(store, minute):
    for second in range(minute * 60, minute * 60 + 60):
        store.append(readings(second, SENSORS, rate_hz=50))


def test_readings_and_diagnoses_go_on_and_only_what_is_worth_least_is_shed(small_disk):
    with Store.open(small_disk / "store.db", "boot-1", retention=NO_MARGIN) as store:
        for minute in range(10):
            append_minute(store, minute)
            store.record(window(minute, samples=6000), diagnosis(minute), [alert(f"a{minute}", minute)])
        filler = fill(small_disk)
        for minute in range(10, 60):
            append_minute(store, minute)
            start_us = minute * MINUTE_US
            found = store.series(start_us, start_us + MINUTE_US)
            assert {sensor: len(item) for sensor, item in found.items()} == dict.fromkeys(SENSORS, 3000)
            store.record(window(minute, samples=6000), diagnosis(minute), [alert(f"a{minute}", minute)])
            store.prune()
        losses = {(loss.record_class, loss.cause): loss for loss in store.losses()}
        assert losses[RecordClass.READING, Cause.DISK_FULL].records > 0
        statistics = store.statistics()
        shed = sum(loss.records for loss in store.losses() if loss.record_class is RecordClass.READING)
        assert statistics.readings + shed == 60 * 60 * 8 * 50
        assert statistics.pending[RecordClass.DIAGNOSIS] == statistics.pending[RecordClass.ALERT] == 60
        filler.unlink()
        noted = len(store.losses())
        for minute in range(60, 70):
            append_minute(store, minute)
            store.prune()
        assert len(store.losses()) == noted
        assert (small_disk / "store.db.reserve").exists()
    with Store.open(small_disk / "store.db", "boot-2", retention=NO_MARGIN) as store:
        assert store.salvage is None
        assert store.newest_source_time() == 70 * MINUTE_US - 20_000


def test_with_nothing_to_shed_the_write_is_refused_whole_and_succeeds_once_there_is_room(small_disk):
    with Store.open(small_disk / "store.db", "boot-1", retention=NO_MARGIN) as store:
        store.append(readings(0))
        filler = fill(small_disk)
        stored, refused = 1, None
        for second in range(1, 3000):
            try:
                store.record(window(second, samples=6000), diagnosis(second), [])
                store.append(readings(second))
            except StoreFullError as error:
                refused = error
                break
            stored += 1
        if refused:
            assert "no room left" in str(refused)
            assert refused.hint
        before = store.statistics().readings_this_boot
        filler.unlink()
        store.append(readings(5000))
        assert store.statistics().readings_this_boot == before + 30
        assert len(store.series(5000 * SECOND_US, 5001 * SECOND_US)["PS1"]) == 10
        assert len(store.series(0, SECOND_US)["PS1"]) in {0, 10}


STAGES = {
    "storing readings": lambda store: store.append(readings(700)),
    "recording a window": lambda store: store.record(window(11, samples=6000), diagnosis(11), [alert("late", 11)]),
    "skipping a window": lambda store: store.skip_to(12 * MINUTE_US),
    "merging and retention": lambda store: store.prune(),
    "sealing a batch": lambda store: store.next_batch(),
    "acknowledging a batch": lambda store: store.acknowledge("boot-1", 1),
    "setting a batch aside": lambda store: store.refuse("boot-1", 1, "refused"),
    "publishing an alert": lambda store: store.mark_published(store.unpublished_alerts()[0][0]),
    "reopening": lambda store: store.reopen(),
}


@pytest.mark.parametrize("stage", STAGES)
def test_at_every_stage_a_full_disk_costs_only_what_is_shed_and_is_over_by_itself(small_disk, stage):
    with Store.open(small_disk / "store.db", "boot-1", retention=NO_MARGIN) as store:
        for minute in range(10):
            append_minute(store, minute)
            store.record(window(minute, samples=600), diagnosis(minute), [alert(f"a{minute}", minute)])
        batch = store.next_batch()
        assert batch.number == 1
        filler = fill(small_disk)
        refused = False
        try:
            STAGES[stage](store)
        except StoreFullError:
            refused = True
        filler.unlink()
        if refused:
            STAGES[stage](store)
        append_minute(store, 20)
        statistics = store.statistics()
        shed = sum(loss.records for loss in store.losses() if loss.record_class is RecordClass.READING)
        extra = 30 if stage == "storing readings" else 0
        assert statistics.readings + shed == 11 * 60 * 8 * 50 + extra
        assert statistics.records[RecordClass.DIAGNOSIS] == (11 if stage == "recording a window" else 10)
        assert {name: len(one) for name, one in store.series(20 * MINUTE_US, 21 * MINUTE_US).items()} == dict.fromkeys(
            SENSORS, 3000
        )
    with Store.open(small_disk / "store.db", "boot-2", retention=NO_MARGIN) as store:
        assert store.salvage is None


def test_a_store_cannot_be_made_on_a_full_disk_and_says_so(small_disk):
    filler = fill(small_disk)
    with pytest.raises(StoreError, match="no room"):
        Store.open(small_disk / "store.db", "boot-1", retention=NO_MARGIN)
    filler.unlink()
    with Store.open(small_disk / "store.db", "boot-1", retention=NO_MARGIN) as store:
        assert store.salvage is None
        store.append(readings(0))


def test_a_store_opens_on_a_full_disk(small_disk):
    with Store.open(small_disk / "store.db", "boot-1", retention=NO_MARGIN) as store:
        append_minute(store, 0)
    fill(small_disk)
    with Store.open(small_disk / "store.db", "boot-2", retention=NO_MARGIN) as store:
        assert len(store.series(0, MINUTE_US)["S0"]) == 3000
        append_minute(store, 1)
        assert len(store.series(MINUTE_US, 2 * MINUTE_US)["S0"]) == 3000


def test_a_file_that_may_not_grow(tmp_path):
    with Store.open(tmp_path / "store.db", "boot-1", retention=NO_MARGIN) as store:
        for minute in range(3):
            append_minute(store, minute)
            store.skip_to((minute + 1) * MINUTE_US)
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        for minute in range(3, 8):
            append_minute(store, minute)
            start_us = minute * MINUTE_US
            assert len(store.series(start_us, start_us + MINUTE_US)["S0"]) == 3000
            store.skip_to(start_us + MINUTE_US)
        assert store._connection.execute("PRAGMA page_count").fetchone()[0] <= pages
        (loss,) = store.losses()
        assert (loss.record_class, loss.cause) == (RecordClass.READING, Cause.DISK_FULL)
        assert store.statistics().readings + loss.records == 8 * 60 * 8 * 50


def test_a_record_larger_than_all_room_is_refused_and_leaves_nothing_behind(tmp_path):
    with Store.open(tmp_path / "store.db", "boot-1", retention=NO_MARGIN) as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        with pytest.raises(StoreFullError):
            store.record(window(0, samples=60_000), diagnosis(0), [alert("a", 0)])
        assert store.windows(5) == []
        assert store.alerts(5) == []
        assert store.next_window_start() is None
        store._connection.execute("PRAGMA max_page_count = 1000000")
        store.record(window(0, samples=60_000), diagnosis(0), [alert("a", 0)])
        assert len(store.windows(5)) == len(store.alerts(5)) == 1
