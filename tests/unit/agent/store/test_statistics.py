import pytest

from agent.store.losses import DAY_US
from agent.store.records import RecordClass
from agent.store.retention import Retention
from agent.store.store import Store
from tests.stored import MINUTE_US, SECOND_US, alert, diagnosis, readings, window


@pytest.fixture
def now():
    return [DAY_US * 1000]


@pytest.fixture
def store(tmp_path, now):
    retention = Retention(max_bytes=50 * 2**20, min_free_bytes=0)
    with Store.open(tmp_path / "store.db", "boot-1", retention=retention, now_us=lambda: now[0]) as store:
        yield store


def test_counts_what_is_there(store, tmp_path):
    store.append(readings(5))
    store.append(readings(3))
    store.record(window(0), diagnosis(0), [alert("a", 1)])
    statistics = store.statistics()
    assert (statistics.readings, statistics.readings_this_boot) == (60, 60)
    assert (statistics.oldest_us, statistics.newest_us) == (3_000_000, 5_900_000)
    assert statistics.records == {
        RecordClass.WINDOW: 1,
        RecordClass.DIAGNOSIS: 1,
        RecordClass.GAP: 0,
        RecordClass.CLOCK_STEP: 0,
        RecordClass.ALERT: 1,
    }
    assert statistics.pending == statistics.records
    assert statistics.outbox_pending == 3
    assert statistics.batches == 0
    assert statistics.unpublished_alerts == 1
    assert statistics.file_bytes >= (tmp_path / "store.db").stat().st_size
    assert statistics.free_bytes > 0
    store.next_batch()
    assert store.statistics().batches == 1


def test_no_rate_is_claimed_before_a_minute_has_passed(store, now):
    store.append(readings(0))
    now[0] += MINUTE_US // 2
    assert store.statistics().readings_bytes_per_day == 0
    assert store.statistics().readings_days is None
    assert store.statistics().outage_days is None


def test_days_follow_from_the_rate_of_the_last_day(store, now):
    store.append(readings(0, rate_hz=1000))  # two days ago: doesn't count
    now[0] += 2 * DAY_US
    start = now[0]
    for minute in range(60):
        store.append(readings(minute * 60))
        store.record(window(minute), diagnosis(minute), [])
        now[0] = start + (minute + 1) * MINUTE_US
    statistics = store.statistics()
    stored = dict(store._connection.execute("SELECT 'record', sum(bytes) FROM record").fetchall())["record"]
    assert statistics.records_bytes_per_day == pytest.approx(stored * 24)
    days = {(one.record_class, one.lost): one.days for one in statistics.budget}
    assert statistics.outage_days == days[RecordClass.WINDOW, True] < (50 * 2**20 - stored) / (stored * 24)
    raw = store._connection.execute("SELECT sum(bytes) FROM reading_block WHERE stored_us >= ?", (start,)).fetchone()[0]
    since_the_first_block = 59 / 60
    assert statistics.readings_bytes_per_day == pytest.approx(raw * since_the_first_block * 24)
    assert statistics.readings_days == days[RecordClass.READING, False]


def test_readings_grow_by_what_they_cost_once_merged(store, now, monkeypatch):
    monkeypatch.setattr("agent.store.readings.MERGE_BLOCKS", 100)
    start = now[0]
    for second in range(350):
        store.append(readings(second))
        now[0] = start + second * SECOND_US
        store.prune()
    merged, alone = store._connection.execute(
        "SELECT avg(bytes) FILTER (WHERE numbers > 30) / 100, avg(bytes) FILTER (WHERE numbers = 30) FROM reading_block"
    ).fetchone()
    assert merged < alone / 2
    assert store.statistics().readings_bytes_per_day == pytest.approx(merged * DAY_US / SECOND_US, rel=0.02)


def test_a_clock_that_steps_back_gives_no_nonsense(store, now):
    store.append(readings(0))
    store.record(window(0), diagnosis(0), [])
    now[0] -= DAY_US * 500
    statistics = store.statistics()
    assert statistics.readings_bytes_per_day == 0
    assert statistics.outage_days is None
