"""The day on which something goes is foretold, and is the day on which retention does shed it."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.outage_budget import Held, Shedding, outage_budget
from agent.store.records import RecordClass
from agent.store.retention import EVERYTHING, Retention, Stage
from agent.store.store import Store
from tests.stored import SECOND_US, alert, diagnosis, readings, window

FREE_READINGS = Stage(RecordClass.READING)
SIZES = st.floats(0, 1e6)


def test_readings_go_when_the_store_is_full_and_windows_when_there_are_no_more_readings():
    held = Held(
        limit=1000.0,
        stages={FREE_READINGS: 400.0},
        other=0.0,
        daily={RecordClass.READING: 50.0, RecordClass.WINDOW: 10.0},
    )
    assert outage_budget(held) == (
        Shedding(RecordClass.READING, lost=False, days=10.0),
        Shedding(RecordClass.WINDOW, lost=True, days=100.0),
    )


def test_what_doesn_t_grow_never_goes():
    held = Held(1000.0, {Stage(RecordClass.ALERT, needed=True): 10.0}, 0.0, {RecordClass.READING: 1.0})
    assert outage_budget(held)[-1] == Shedding(RecordClass.ALERT, lost=True, days=None)


def test_a_store_that_is_full_sheds_today():
    held = Held(100.0, {FREE_READINGS: 200.0}, 0.0, {RecordClass.READING: 1.0})
    assert outage_budget(held)[0].days == 0.0


@given(
    st.dictionaries(st.sampled_from(EVERYTHING), SIZES),
    st.dictionaries(st.sampled_from(list(RecordClass)), st.floats(1, 1e5), min_size=1),
    st.floats(1e4, 1e7),
)
def test_shedding_day_by_day_begins_with_each_stage_on_the_day_foretold(stages, daily, limit):
    budget = {(one.record_class, one.lost): one.days for one in outage_budget(Held(limit, stages, 0.0, daily))}
    content = dict(stages)
    growing = {Stage(name, name is not RecordClass.READING): rate for name, rate in daily.items()}
    for day in range(200):
        if day:
            content = {stage: content.get(stage, 0) + growing.get(stage, 0) for stage in {*content, *growing}}
        over = sum(content.values()) - limit
        for stage in EVERYTHING:
            if over <= 1e-3:
                break
            shed = min(over, content.get(stage, 0.0))
            if shed > 1e-3:
                foretold = budget[stage.record_class, stage.needed]
                assert foretold is not None
                assert foretold <= day + 1e-6
            content[stage] = content.get(stage, 0.0) - shed
            over -= shed
        else:
            assert over <= 1e-3
    shed_late = [days for days in budget.values() if days is not None and days < 0]
    assert not shed_late


@pytest.mark.parametrize("merged_together", [24, 10**6])
def test_the_real_retention_sheds_each_class_within_the_day_foretold(merged_together, tmp_path, monkeypatch):
    """A block is an hour's here; so many hours are merged into one, or none are."""
    monkeypatch.setattr("agent.store.readings.MERGE_BLOCKS", merged_together)
    monkeypatch.setattr("agent.store.readings.MERGE_READINGS", 10**9)
    now = [1_000 * 86_400 * SECOND_US]
    limit = 10 * 2**20
    chance = random.Random(1)
    hour_us = 3600 * SECOND_US

    def live(store, hours):
        shed = {}
        for hour in hours:
            store.append([replace(one, value=chance.random()) for one in readings(60 * hour, rate_hz=250)])
            store.record(
                window(hour, samples=2500), diagnosis(hour), [alert(str(hour), hour)] if hour % 24 == 0 else []
            )
            now[0] += hour_us
            store.prune()
            for loss in store.losses():
                shed.setdefault((loss.record_class, loss.unsent > 0), hour)
        return shed

    retention = Retention(max_bytes=limit, min_free_bytes=0)
    with Store.open(tmp_path / "store.db", "boot", retention=retention, now_us=lambda: now[0]) as store:
        store._connection.execute("PRAGMA synchronous = OFF")
        learned = 24 * 3
        assert live(store, range(learned)) == {}
        foretold = {(one.record_class, one.lost): one.days for one in store.statistics().budget}
        raw, windows = foretold[RecordClass.READING, False], foretold[RecordClass.WINDOW, True]
        assert raw < windows
        shed = live(store, range(learned, learned + int(24 * (windows + 3))))
    assert (shed[RecordClass.READING, False] - learned) / 24 == pytest.approx(raw, abs=1)
    assert (shed[RecordClass.WINDOW, True] - learned) / 24 == pytest.approx(windows, abs=1)
