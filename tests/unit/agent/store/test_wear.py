"""What is written to the disk is measured, added up by day, and shown as a rate."""

import pytest

from agent.store.losses import DAY_US
from agent.store.store import Store
from agent.store.wear import WearTable, WriteMeter, thread_written_bytes
from tests.stored import SECOND_US, readings

HOUR_US = 3_600 * SECOND_US


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store.db", "boot-1", now_us=lambda: 5 * DAY_US) as store:
        yield store


@pytest.fixture
def wear(store):
    return WearTable(store._connection)


def test_a_meter_tells_time_and_bytes_since_the_lap_before():
    written = iter([1000, 1500, 1500])
    clock = iter([10.0, 12.0, 12.5])
    meter = WriteMeter(lambda: next(written), lambda: next(clock))
    assert meter.lap() == (2_000_000, 500)
    assert meter.lap() == (500_000, 0)


def test_where_linux_does_not_count_there_is_no_figure():
    assert WriteMeter(lambda: None).lap() is None


def test_laps_add_up_to_a_rate_and_an_amplification(wear):
    wear.note(5 * DAY_US, HOUR_US, 6000, 1000)
    wear.note(5 * DAY_US + HOUR_US, HOUR_US, 4000, 1500)
    figures = wear.figures(5 * DAY_US + HOUR_US)
    assert (figures.measured_us, figures.written_bytes) == (2 * HOUR_US, 10_000)
    assert figures.bytes_per_day == 120_000
    assert figures.amplification == 4.0


def test_only_yesterday_and_today_make_the_rate_but_everything_the_total(wear):
    for day, written in ((2, 10_000), (4, 600), (5, 200)):
        wear.note(day * DAY_US, HOUR_US, written, 0)
    figures = wear.figures(5 * DAY_US)
    assert (figures.written_bytes, figures.total_bytes) == (800, 10_800)
    assert figures.amplification is None


def test_before_a_minute_was_measured_nothing_is_said(wear):
    wear.note(5 * DAY_US, 59 * SECOND_US, 10_000, 1000)
    assert wear.figures(5 * DAY_US) is None


def test_the_store_notes_what_its_payload_cost(store, monkeypatch):
    laps = iter([(HOUR_US, 50_000), (HOUR_US, 10_000)])
    monkeypatch.setattr(store._meter, "lap", lambda: next(laps))
    store.append(readings(0))
    payload = store._connection.execute("SELECT sum(bytes) FROM reading_block").fetchone()[0]
    store.prune()
    store.prune()
    figures = store.statistics().wear
    assert figures.written_bytes == 60_000
    assert figures.amplification == pytest.approx(60_000 / payload)


@pytest.mark.skipif(thread_written_bytes() is None, reason="this kernel doesn't count what threads write")
def test_writing_to_a_disk_counts(tmp_path):
    meter = WriteMeter()
    (tmp_path / "file").write_bytes(bytes(1_000_000))
    _, written = meter.lap()
    if written == 0:
        pytest.skip("the temporary folder is in memory")
    assert 1_000_000 <= written < 2_000_000
