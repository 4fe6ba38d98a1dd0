"""The file is damaged under a running agent: that is noticed and mended without a restart, and readings are counted."""

import os

import numpy as np
import pytest

from agent.core import CoreThread
from agent.store.file_format import PAGE_BYTES
from agent.store.losses import Cause
from agent.store.store import Store
from edge_runtime.errors import StoreDamagedError, StoreError
from tests.stored import SECOND_US, alert, diagnosis, readings, window

BEFORE, AFTER = 400, 40


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def store(path):
    """Some hundred seconds of readings, all in the file and none in SQLite's cache."""
    with Store.open(path, "boot-1") as store:
        for second in range(BEFORE):
            store.append(readings(second, rate_hz=20))
        store.record(window(0), diagnosis(0), [alert("a0", 0)])
        forget(store)
        yield store


def forget(store):
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store._connection.execute("PRAGMA shrink_memory")


def tear_off(path):
    os.truncate(path, path.stat().st_size // 2)


def blank_the_first_pages(path):
    blank(path, range(3, 40))


def blank_the_newest_pages(path):
    pages = path.stat().st_size // PAGE_BYTES
    blank(path, range(pages - 20, pages))


def blank(path, pages):
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE_BYTES)
            file.write(b"\xa5" * PAGE_BYTES)


@pytest.mark.parametrize("damage", [tear_off, blank_the_first_pages, blank_the_newest_pages])
async def test_storing_goes_on_and_every_reading_is_there_or_in_the_ledger(path, store, damage):
    core = CoreThread()
    # SQLite's connections belong to one thread: here it is the core's.
    store.close()
    store = await core.call(Store.open, path, "boot-2")
    await core.call(forget, store)
    salvages = []
    core.mend_with(lambda: salvages.append(store.reopen()))
    damage(path)
    failures = 0
    pending = list(range(BEFORE, BEFORE + AFTER))
    while pending and failures < 5:
        try:
            await core.call(store.append, readings(pending[0], rate_hz=20))
            pending.pop(0)
            await core.call(store.series, 0, SECOND_US)
        except StoreDamagedError:
            failures += 1
    (salvage,) = salvages
    assert failures == 1
    assert salvage.set_aside.exists()
    assert store.boot.startswith("boot-2.")
    series = await core.call(store.series, 0, (BEFORE + AFTER) * SECOND_US)
    for name, base in (("PS1", 0.0), ("PS2", 1000.0), ("TS1", 2000.0)):
        item = series[name]
        assert np.array_equal(item.values, base + item.times_us / SECOND_US)
        assert np.count_nonzero(item.times_us >= BEFORE * SECOND_US) >= 20 * (AFTER - 1)
    missing = (BEFORE + AFTER) * 60 - sum(len(item) for item in series.values())
    losses = await core.call(store.losses)
    # What follows the last number that could be read isn't known to have been.
    assert sum(loss.records for loss in losses if loss.cause is Cause.DAMAGE) <= missing
    assert missing > 0
    await core.call(store.prune)
    await core.call(store.close)
    core.close()
    with Store.open(path, "boot-3") as store:
        assert store.salvage is None


def test_a_store_that_cannot_be_mended_yet_can_be_later(path, store, monkeypatch):
    tear_off(path)
    with pytest.raises(StoreDamagedError) as found:
        store.append(readings(BEFORE, rate_hz=20))
    assert "sets it aside" in found.value.hint
    with monkeypatch.context() as full:
        full.setattr("agent.store.writer.open_sound", refuse)
        with pytest.raises(StoreError, match="No space"):
            store.reopen()
    with pytest.raises(StoreError):
        store.append(readings(BEFORE, rate_hz=20))
    assert store.reopen() is not None
    store.append(readings(BEFORE, rate_hz=20))
    assert len(store.series(BEFORE * SECOND_US, (BEFORE + 1) * SECOND_US)["PS1"]) == 20


def refuse(*_):
    raise OSError(5, "No space left on device")


def test_a_sound_store_may_be_reopened_and_keeps_its_numbers(store):
    before = store.statistics()
    assert store.reopen() is None
    store.append(readings(BEFORE, rate_hz=20))
    assert store.boot == "boot-1"
    assert store.statistics().readings_this_boot == before.readings_this_boot + 60
