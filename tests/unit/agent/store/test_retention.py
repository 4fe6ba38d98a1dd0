import shutil
from types import SimpleNamespace

import pytest

from agent.store.losses import DAY_US, Cause
from agent.store.records import RecordClass
from agent.store.retention import Retention
from agent.store.store import Store
from cloud_sync.edge.lane import Lane
from tests.stored import MINUTE_US, alert, diagnosis, readings, window

SENSORS = [f"S{n}" for n in range(8)]


class Clock:
    def __init__(self):
        self.now_us = 0

    def __call__(self):
        return self.now_us


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def open_store(tmp_path, clock):
    opened = []

    def open_store(**limits):
        opened.append(Store.open(tmp_path / "store.db", "boot-1", retention=Retention(**limits), now_us=clock))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


def fill(store, minutes, samples=20_000):
    """Minutes of readings, each diagnosed; a window takes about 80 kB."""
    for minute in minutes:
        for second in range(minute * 60, minute * 60 + 60, 20):
            store.append(readings(second, SENSORS, rate_hz=100))
        store.record(window(minute, samples), diagnosis(minute), [alert(f"a{minute}", minute)])


def acknowledge_all(store):
    while batch := store.next_batch():
        store.acknowledge(batch.boot, batch.number)


def prune_all(store):
    while store.prune():
        pass


def shed(store):
    return {(loss.record_class, loss.cause): loss for loss in store.losses()}


def test_within_its_limits_nothing_is_shed(open_store):
    store = open_store(min_free_bytes=0)
    fill(store, range(5))
    assert store.prune() == 0
    assert store.losses() == []


def test_readings_go_first_the_oldest_first(open_store):
    store = open_store(max_bytes=2**19, min_free_bytes=0)
    for minute in range(400):
        for second in (minute * 60, minute * 60 + 30):
            store.append(readings(second, SENSORS, rate_hz=200))
        store.skip_to((minute + 1) * MINUTE_US)
        if minute % 20 == 0:
            store.record(window(minute), diagnosis(minute), [])
    prune_all(store)
    statistics = store.statistics()
    assert statistics.used_bytes <= 2**19
    assert statistics.records[RecordClass.WINDOW] == 20
    assert {loss.record_class for loss in store.losses()} == {RecordClass.READING}
    (loss,) = store.losses()
    assert loss.cause is Cause.SIZE_LIMIT
    assert loss.records + statistics.readings == 400 * 2 * 8 * 200
    assert loss.first_us == 0
    assert loss.last_us < statistics.oldest_us
    assert statistics.newest_us == (399 * 60 + 31) * 1_000_000 - 5000


def test_then_windows_that_the_centre_has_and_only_then_what_it_lacks(open_store):
    store = open_store(max_bytes=2 * 2**20, min_free_bytes=0)
    fill(store, range(15))
    acknowledge_all(store)
    fill(store, range(15, 30))
    assert not shed(store)
    prune_all(store)
    losses = shed(store)
    assert losses[RecordClass.WINDOW, Cause.SIZE_LIMIT].unsent == 0
    assert [item.start_us // MINUTE_US for item in store.windows(100)][-1] > 1
    assert store.statistics().pending[RecordClass.WINDOW] == 15
    fill(store, range(30, 60))
    prune_all(store)
    losses = shed(store)
    assert losses[RecordClass.WINDOW, Cause.SIZE_LIMIT].unsent > 0
    statistics = store.statistics()
    assert statistics.used_bytes <= 2 * 2**20
    assert statistics.pending[RecordClass.DIAGNOSIS] == 45
    assert statistics.pending[RecordClass.ALERT] == 45
    assert store.lanes()[Lane.DIAGNOSIS].records == 45


def test_a_batch_that_loses_a_window_is_sealed_anew_under_another_number(open_store):
    store = open_store(max_bytes=2**20, min_free_bytes=0)
    fill(store, range(5))
    withdrawn = store.next_batch((Lane.FRESH,))
    fill(store, range(5, 40))
    prune_all(store)
    batch = store.next_batch((Lane.FRESH,))
    assert batch.number > withdrawn.number
    store.acknowledge(withdrawn.boot, withdrawn.number)
    assert store.next_batch((Lane.FRESH,)) == batch


def test_readings_not_yet_diagnosed_outlive_windows(open_store):
    store = open_store(max_bytes=2 * 2**20, min_free_bytes=0)
    fill(store, range(40))
    for second in range(2400, 2460):
        store.append(readings(second, SENSORS, rate_hz=100))
    prune_all(store)
    assert store.statistics().used_bytes <= 2 * 2**20
    assert len(store.series(40 * MINUTE_US, 41 * MINUTE_US)["S0"]) == 6000


def test_without_any_window_old_readings_make_way_all_the_same(open_store):
    store = open_store(max_bytes=2**20, min_free_bytes=0)
    for second in range(1200):
        store.append(readings(second, SENSORS, rate_hz=200))
    prune_all(store)
    assert store.statistics().used_bytes <= 2**20
    assert store.newest_source_time() == 1_199_995_000


def test_numbering_goes_on_when_all_but_the_newest_readings_were_shed(open_store, tmp_path):
    store = open_store(max_bytes=1, min_free_bytes=0)
    for second in range(10):
        store.append(readings(second))
    prune_all(store)
    assert store.statistics().readings == 30
    store.close()
    assert open_store().statistics().readings_this_boot == 300


def test_a_low_disk_takes_readings_and_what_the_centre_has_but_nothing_it_lacks(open_store, monkeypatch):
    store = open_store()
    fill(store, range(5))
    acknowledge_all(store)
    fill(store, range(5, 10))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    size = store.statistics().file_bytes
    prune_all(store)
    statistics = store.statistics()
    five_each = dict.fromkeys((RecordClass.WINDOW, RecordClass.DIAGNOSIS, RecordClass.ALERT), 5)
    assert statistics.pending == statistics.records == five_each | {RecordClass.GAP: 0, RecordClass.CLOCK_STEP: 0}
    assert {cause for _, cause in shed(store)} == {Cause.LOW_DISK}
    assert statistics.file_bytes < 0.7 * size


def test_losses_of_one_day_add_up_and_those_of_another_stand_apart(open_store, clock):
    store = open_store(max_bytes=1, min_free_bytes=0)
    for day in range(2):
        clock.now_us = day * DAY_US + 5
        for second in range(4):
            store.append(readings(day * 100 + second))
            store.prune()
    newer, older = store.losses()
    assert (older.records, newer.records) == (90, 120)
    assert (older.noted_us, newer.noted_us) == (5, DAY_US + 5)
    assert (older.first_us, older.last_us) == (0, 2_900_000)
    assert older.unsent == 0
