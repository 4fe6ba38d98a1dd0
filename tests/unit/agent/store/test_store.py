"""The store through its own interface: what a caller may rely on."""

import math
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from agent.store import readings as readings_module
from agent.store.block import Block
from agent.store.store import Store
from edge_runtime.alert import AlertState
from edge_runtime.errors import StoreError
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading
from tests.stored import MINUTE_US, SECOND_US, alert, diagnosis, readings, window


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "store.db"


@pytest.fixture
def store(path):
    with Store.open(path, "boot-1") as store:
        yield store


def test_readings_come_back_after_reopening(path):
    with Store.open(path, "boot-1") as store:
        store.append(readings(0))
        store.append(readings(1))
    with Store.open(path, "boot-2") as store:
        series = store.series(0, 2 * SECOND_US)
    assert {sensor: len(item) for sensor, item in series.items()} == {"PS1": 20, "PS2": 20, "TS1": 20}
    assert series["PS2"].values.tolist() == pytest.approx([1000 + n / 10 for n in range(20)])


def test_a_block_is_stored_as_its_readings_are(path):
    with Store.open(path, "boot-1") as store:
        store.append_block(Block.of(readings(0)))
        store.append(readings(1))
        assert store.statistics().readings_this_boot == 60
        series = store.series(0, 2 * SECOND_US)
    assert series["TS1"].values.tolist() == pytest.approx([2000 + n / 10 for n in range(20)])


def test_series_holds_only_the_interval_and_only_sensors_heard_in_it(store):
    store.append(readings(0, ["PS1"]))
    store.append(readings(1, ["PS2"]))
    series = store.series(500_000, 1_200_000)
    assert series["PS1"].times_us.tolist() == [500_000, 600_000, 700_000, 800_000, 900_000]
    assert series["PS2"].times_us.tolist() == [1_000_000, 1_100_000]
    assert set(store.series(0, SECOND_US)) == {"PS1"}
    assert store.series(5 * SECOND_US, 6 * SECOND_US) == {}


def test_portions_leave_nothing_out_and_skip_what_is_empty(store):
    for second in (0, 299, 300, 301, 86_400, 1_000_000):
        store.append(readings(second, ["PS1"]))
    # One block that begins before the others and ends after them.
    store.append([*readings(100, ["PS1"]), *readings(2_000_000, ["PS1"])])
    portions = list(store.portions(0, 2_000_001 * SECOND_US))
    times = [time_us for _, series in portions for one in series.values() for time_us in one.times_us.tolist()]
    seconds = (0, 100, 299, 300, 301, 86_400, 1_000_000, 2_000_000)
    assert times == [second * SECOND_US + tenth * 100_000 for second in seconds for tenth in range(10)]
    assert portions[-1][0] == 2_000_001 * SECOND_US
    assert [reached for reached, _ in portions] == sorted(reached for reached, _ in portions)


def test_portions_of_an_empty_period_end_at_once(store):
    store.append(readings(0))
    assert len(list(store.portions(10**15, 10**16))) == 1


def test_a_reading_delivered_twice_comes_out_once_with_the_later_value(store):
    first = Reading("PS1", 1.0, Quality.GOOD, 100, 200)
    again = Reading("PS1", 2.0, Quality.UNCERTAIN, 100, 300)
    store.append([first, Reading("PS1", 5.0, Quality.GOOD, 50, 200)])
    store.append([again])
    series = store.series(0, 1000)["PS1"]
    assert series.times_us.tolist() == [50, 100]
    assert series.values.tolist() == [5.0, 2.0]
    assert series.statuses.tolist() == [Quality.GOOD, Quality.UNCERTAIN]


def test_late_and_unordered_readings_are_put_in_order_of_source_time(store):
    for time_us in (500, 100, 900, 300):
        store.append([Reading("PS1", float(time_us), Quality.GOOD, time_us, 1000)])
    assert store.series(0, 1000)["PS1"].values.tolist() == [100.0, 300.0, 500.0, 900.0]


def test_missing_values_and_quality_survive(store):
    store.append([Reading("PS1", math.nan, Quality.BAD, 1, 2), Reading("PS1", math.inf, Quality.UNCERTAIN, 2, 2)])
    series = store.series(0, 10)["PS1"]
    assert math.isnan(series.values[0])
    assert math.isinf(series.values[1])
    assert series.statuses.tolist() == [Quality.BAD, Quality.UNCERTAIN]


def test_readings_of_a_boot_are_numbered_without_a_gap_also_when_it_is_reopened(path):
    for second in (0, 1):
        with Store.open(path, "boot-1") as store:
            store.append(readings(second))
            store.append(readings(second + 10))
    with Store.open(path, "boot-2") as store:
        store.append(readings(5))
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT boot_id, first_counter, readings FROM reading_block ORDER BY id").fetchall()
    assert rows == [(1, 0, 30), (1, 30, 30), (1, 60, 30), (1, 90, 30), (2, 0, 30)]


def test_merging_changes_neither_series_nor_numbers(path, monkeypatch):
    monkeypatch.setattr(readings_module, "MERGE_BLOCKS", 41)
    with Store.open(path, "boot-1") as store:
        for second in range(40):
            store.append(readings(second))
        store.append([Reading("PS1", -1.0, Quality.GOOD, 39 * SECOND_US, 0)])
        store.append([Reading("PS1", -2.0, Quality.GOOD, 40 * SECOND_US, 0)])
        before = store.series(0, 41 * SECOND_US)
        used = store.statistics().used_bytes
        store.prune()
        after = store.series(0, 41 * SECOND_US)
        assert store.statistics().used_bytes < used
        assert store.statistics().readings == 40 * 30 + 2
    assert before.keys() == after.keys()
    for sensor, series in before.items():
        assert after[sensor].times_us.tolist() == series.times_us.tolist()
        assert after[sensor].values.tolist() == series.values.tolist()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT first_counter, readings FROM reading_block").fetchall() == [
            (0, 1201),
            (1201, 1),
        ]
    with Store.open(path, "boot-1") as store:
        assert store.statistics().readings_this_boot == 1202


def test_every_reading_is_merged_once_as_soon_as_there_are_enough(path, monkeypatch):
    monkeypatch.setattr(readings_module, "MERGE_READINGS", 300)
    with Store.open(path, "boot-1") as store:
        for second in range(50):
            store.append(readings(second))
            store.prune()
    with closing(sqlite3.connect(path)) as connection:
        sizes = [row[0] for row in connection.execute("SELECT readings FROM reading_block ORDER BY first_counter")]
    assert sizes == [300] * 4 + [30] * 10


def test_blocks_of_different_boots_are_never_merged(path):
    for boot in ("boot-1", "boot-2"):
        with Store.open(path, boot) as store:
            for second in range(20):
                store.append(readings(second))
    with Store.open(path, "boot-3") as store:
        store.append(readings(20))
        store.prune()
        store.prune()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT boot_id, first_counter, readings FROM reading_block").fetchall() == [
            (1, 0, 600),
            (2, 0, 600),
            (3, 0, 30),
        ]


def test_latest_readings_are_the_newest_of_each_sensor_heard_within_the_hour(store):
    store.append([Reading("old", 1.0, Quality.GOOD, 0, 0)])
    store.append(readings(4000))
    store.append(
        [Reading("PS1", 7.0, Quality.GOOD, 3999 * SECOND_US, 1), Reading("slow", 3.0, Quality.BAD, 3900 * SECOND_US, 1)]
    )
    latest = {item.sensor: item for item in store.latest_readings()}
    assert set(latest) == {"PS1", "PS2", "TS1", "slow"}
    assert latest["PS1"].source_time_us == 4_000_900_000
    assert latest["slow"] == Reading("slow", 3.0, Quality.BAD, 3900 * SECOND_US, 1)


def test_a_new_store_answers_everything_with_nothing(store):
    assert store.newest_source_time() is None
    assert store.next_window_start() is None
    assert store.next_batch() is None
    assert store.latest_readings() == []
    assert store.series(0, 10) == {}
    assert store.diagnoses(5) == []
    assert store.alerts(5) == []
    assert store.windows(5) == []
    assert store.standing_alerts() == []
    assert store.unpublished_alerts() == []
    assert store.losses() == []
    assert store.health_history().by_component == {}
    store.append([])
    store.prune()
    assert store.statistics().readings == 0


def test_a_recorded_window_moves_the_cursor_and_is_found_again(store):
    store.record(window(3), diagnosis(3), [alert("a", 4)])
    assert store.next_window_start() == 4 * MINUTE_US
    (found,) = store.windows(10)
    assert (found.machine, found.start_us, found.end_us) == ("press", 3 * MINUTE_US, 4 * MINUTE_US)
    for channel, expected in zip(found.channels, window(3).channels, strict=True):
        assert (channel.sensor, channel.step_us) == (expected.sensor, expected.step_us)
        assert channel.values.tobytes() == expected.values.tobytes()
    assert store.diagnoses(10) == [diagnosis(3)]
    assert store.alerts(10) == [alert("a", 4)]


def test_recording_a_window_twice_keeps_one(store):
    store.record(window(3), diagnosis(3, health=0.8), [alert("a", 4)])
    store.record(window(3), diagnosis(3, health=0.2), [alert("a", 4)])
    assert store.diagnoses(10) == [diagnosis(3, health=0.8)]
    assert len(store.unpublished_alerts()) == 1
    assert store.statistics().outbox_pending == 3


def test_skipping_moves_the_cursor_only(store):
    store.skip_to(77)
    store.skip_to(99)
    assert store.next_window_start() == 99
    assert store.statistics().outbox_pending == 0


def test_diagnoses_come_newest_first_and_limited(store):
    for minute in (2, 0, 1):
        store.record(window(minute), diagnosis(minute), [])
    assert store.diagnoses(2) == [diagnosis(2), diagnosis(1)]


def test_health_history_is_the_last_of_each_hour_and_leaves_out_who_abstained(store):
    for minute, health in ((0, 0.95), (59, 0.9), (60, 0.8), (150, None), (200, 0.7), (190, 0.6)):
        store.record(window(minute), diagnosis(minute, health), [])
    history = store.health_history().by_component
    assert set(history) == {"pump"}
    times_us, health = history["pump"]
    assert times_us.tolist() == [59 * MINUTE_US, 60 * MINUTE_US, 200 * MINUTE_US]
    assert health.tolist() == [0.9, 0.8, 0.7]


def test_health_history_goes_back_from_the_window_recorded_last_whatever_the_clock_did_before(store):
    day = 24 * 60
    for minute, health in ((0, 0.9), (100 * day, 0.8), (20_000 * day, 0.1), (101 * day, 0.7)):
        store.record(window(minute), diagnosis(minute, health), [])
    assert store.health_history().by_component["pump"][1].tolist() == [0.8, 0.1, 0.7]


def test_an_alert_stands_until_it_is_cleared(store):
    store.record(window(0), diagnosis(0), [alert("a", 1), alert("b", 1)])
    store.record(window(1), diagnosis(1), [alert("a", 2, AlertState.CLEARED)])
    store.record(window(2), diagnosis(2), [alert("c", 3)])
    assert store.standing_alerts() == [alert("b", 1), alert("c", 3)]
    assert store.alerts(1) == [alert("c", 3)]


def test_an_alert_raised_and_cleared_at_the_same_time_does_not_stand(store):
    cleared = alert("a", 1, AlertState.CLEARED).model_copy(update={"raised_at": alert("a", 1).raised_at})
    store.record(window(0), diagnosis(0), [alert("a", 1), cleared])
    assert store.standing_alerts() == []


def test_alerts_wait_for_the_broker_in_order_until_marked(path):
    with Store.open(path, "boot-1") as store:
        store.record(window(0), diagnosis(0), [alert("b", 1), alert("a", 1)])
        (row, first), (_, second) = store.unpublished_alerts()
        assert (first.id, second.id) == ("b", "a")
        store.mark_published(row)
        store.mark_published(row)
        assert store.statistics().unpublished_alerts == 1
    with Store.open(path, "boot-2") as store:
        assert [item.id for _, item in store.unpublished_alerts()] == ["a"]


def test_a_second_writer_is_told_who_holds_the_store(path, store):
    with pytest.raises(StoreError, match=f"process {os.getpid()} ") as caught:
        Store.open(path, "boot-2")
    assert "Only one agent" in caught.value.hint
    other = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from agent.store.store import Store; Store.open(__import__('pathlib').Path({str(path)!r}), 'x')",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"process {os.getpid()} writes to it already" in other.stderr


def test_the_lock_is_free_again_after_closing(path):
    Store.open(path, "boot-1").close()
    Store.open(path, "boot-2").close()


def test_a_reader_sees_what_the_writer_has_committed(path, store):
    with Store.open_read_only(path) as reader:
        assert reader.series(0, SECOND_US) == {}
        store.append(readings(0))
        assert len(reader.series(0, SECOND_US)["PS1"]) == 10
        assert reader.statistics().readings_this_boot is None


def test_a_closed_store_in_a_folder_one_may_not_write_to_can_be_read(path):
    with Store.open(path, "boot-1") as store:
        store.append(readings(0))
    path.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with Store.open_read_only(path) as reader:
            assert len(reader.series(0, SECOND_US)["PS1"]) == 10
    finally:
        path.parent.chmod(stat.S_IRWXU)


def test_reading_a_store_that_is_not_there_says_how_to_make_one(path):
    with pytest.raises(StoreError, match="there is no store") as caught:
        Store.open_read_only(path)
    assert "hydrosight run" in caught.value.hint
    assert not path.exists()


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        Store.open(tmp_path / "file" / "store.db", "boot-1")


def test_a_failed_write_leaves_nothing_behind_and_can_be_given_again(path, store):
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    store._connection.execute("PRAGMA busy_timeout = 1")
    with pytest.raises(StoreError, match="another program holds it"):
        store.append(readings(0))
    blocker.execute("ROLLBACK")
    blocker.close()
    store.append(readings(0))
    assert store.statistics().readings_this_boot == 30
    assert len(store.series(0, SECOND_US)["PS1"]) == 10


def test_windows_of_a_time_come_with_their_diagnoses_oldest_first(store):
    for minute in (2, 0, 1, 3):
        store.record(window(minute), diagnosis(minute), [])
    found = list(store.judged_windows("press", MINUTE_US, 3 * MINUTE_US))
    assert [item.start_us // MINUTE_US for item, _ in found] == [1, 2]
    assert [said.window_start.minute for _, said in found] == [1, 2]
    assert list(store.judged_windows("another", 0, 9 * MINUTE_US)) == []
    assert store.window_span("press") == (0, 3 * MINUTE_US)
    assert store.window_span("another") is None
