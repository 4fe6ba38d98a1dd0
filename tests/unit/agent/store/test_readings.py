"""Thinning as the store does it; how readings are stored, merged and read is tested with the store."""

import numpy as np
import pytest

from agent.store import readings as reading_table
from agent.store.accounts import Fate
from agent.store.retention import Retention
from agent.store.store import Store
from agent.store.thinning import ThinningRule, Trigger
from edge_runtime.number_ranges import NumberRanges
from edge_runtime.quality import Reason, reason_of
from tests.stored import MINUTE_US, SECOND_US, diagnosis, readings, window

RULE = ThinningRule(10, 2 * SECOND_US, 5 * SECOND_US, (), 20)
A_SECOND = 30
MINUTES = 3


class Clock:
    now_us = 0

    def __call__(self):
        return self.now_us


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock, monkeypatch):
    """Open the store as another run of the agent; it merges half a minute at a time."""
    monkeypatch.setattr(reading_table, "MERGE_BLOCKS", 30)
    stores = []

    def opened(rule=RULE):
        if stores:
            stores[-1].close()
        boot = f"boot-{len(stores)}"
        stores.append(Store.open(tmp_path / "store.db", boot, retention=Retention(min_free_bytes=0), now_us=clock))
        stores[-1].thin_by(rule)
        return stores[-1]

    yield opened
    stores[-1].close()


def fill(store, clock, minutes=MINUTES):
    for second in range(minutes * 60):
        clock.now_us = second * SECOND_US
        store.append(readings(second))


def tidy(store):
    for _ in range(10):
        store.prune()


def means(store, first, last):
    """Of PS1, second by second: of what stands for it in windows."""
    series = store.series(first * SECOND_US, last * SECOND_US)["PS1"]
    samples = series.where(reason_of(series.statuses) != Reason.THINNED_EXTREME)
    seconds = samples.times_us // SECOND_US - first
    return np.bincount(seconds, samples.values) / np.bincount(seconds)


def test_readings_wait_whole_until_they_are_diagnosed(opened, clock):
    store = opened()
    fill(store, clock)
    tidy(store)
    assert store.statistics().thinned_out == 0
    assert len(store.series(0, MINUTE_US)["PS1"]) == 600
    store.record(window(0), diagnosis(0), [])
    tidy(store)
    assert len(store.series(0, MINUTE_US // 2)["PS1"]) < 200
    assert len(store.series(MINUTE_US, 3 * MINUTE_US)["PS1"]) == 1200


def test_thinned_readings_keep_their_numbers_and_their_place_in_the_window(opened, clock):
    store = opened()
    fill(store, clock)
    store.record(window(0), diagnosis(0), [])
    store.record(window(1), diagnosis(1), [])
    tidy(store)
    total = MINUTES * 60 * A_SECOND
    statistics = store.statistics()
    assert statistics.thinned_out > 1500
    assert statistics.readings + statistics.thinned_out == total
    assert statistics.readings_this_boot == total
    assert statistics.losses == ()
    (account,) = store.accounts()
    assert account.read == total
    assert account.fates == {Fate.WINDOW: NumberRanges(((0, 120 * A_SECOND - 1),))}
    assert account.undiagnosed == NumberRanges(((120 * A_SECOND, total - 1),))


def test_what_stands_for_a_second_has_its_mean(opened, clock):
    store = opened()
    fill(store, clock)
    before = means(store, 0, 120)
    store.record(window(0), diagnosis(0), [])
    store.record(window(1), diagnosis(1), [])
    tidy(store)
    assert len(store.series(0, 2 * MINUTE_US)["PS1"]) < 800
    np.testing.assert_allclose(means(store, 0, 120), before, rtol=1e-7)


def test_another_run_finds_all_as_it_was_and_goes_on(opened, clock):
    store = opened()
    fill(store, clock)
    store.record(window(0), diagnosis(0), [])
    tidy(store)
    before = means(store, 0, 60)
    left, account = store.series(0, 3 * MINUTE_US)["PS1"], store.accounts()[0]
    store = opened()
    assert store.accounts()[0] == account
    store.append(readings(180))
    tidy(store)
    assert len(store.series(0, MINUTE_US)["PS1"]) < len(left.between(0, MINUTE_US))
    np.testing.assert_allclose(means(store, 0, 60), before, rtol=1e-7)
    store.record(window(1), diagnosis(1), [])
    tidy(store)
    assert len(store.series(MINUTE_US, 2 * MINUTE_US)["PS1"]) < 400


def test_what_no_window_takes_is_merged_after_an_hour_and_kept_whole(opened, clock):
    store = opened()
    fill(store, clock)
    clock.now_us += 2 * reading_table.MERGE_WAIT_US
    tidy(store)
    assert store.statistics().thinned_out == 0
    assert store._connection.execute("SELECT count(*) FROM reading_block").fetchone()[0] < 100


def test_without_a_rule_every_reading_stays(opened, clock):
    store = opened(rule=None)
    fill(store, clock)
    store.record(window(0), diagnosis(0), [])
    store.record(window(1), diagnosis(1), [])
    tidy(store)
    assert store.statistics().thinned_out == 0
    assert len(store.series(0, 2 * MINUTE_US)["PS1"]) == 1200


def test_a_transient_is_whole_with_what_led_up_to_it_also_across_merged_blocks(opened, clock):
    store = opened(ThinningRule(10, 2 * SECOND_US, 5 * SECOND_US, (Trigger("TS1", 10, 0),), 1e9))
    for second in range(180):
        clock.now_us = second * SECOND_US
        store.append([stepped(one) for one in readings(second)])
    for minute in range(3):
        store.record(window(minute), diagnosis(minute), [])
    tidy(store)
    times_us = store.series(0, 3 * MINUTE_US)["PS1"].times_us
    seconds, counts = np.unique(times_us // SECOND_US, return_counts=True)
    whole = set(seconds[counts == 10].tolist())
    assert set(range(26, 34)) <= whole  # around the transient at 28.5 s, in the block before and after
    assert not whole & set(range(36, 56))


def stepped(reading):
    """TS1 makes a step at 28.5 s."""
    if reading.sensor != "TS1" or reading.source_time_us < 28.5 * SECOND_US:
        return reading
    return type(reading)("TS1", reading.value + 100, reading.quality, reading.source_time_us, reading.received_time_us)
