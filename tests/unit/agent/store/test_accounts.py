"""Every number of a boot is accounted for exactly once, whatever happens to the readings."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.store import readings as reading_table
from agent.store import schema
from agent.store.accounts import AccountTable, Fate
from agent.store.block import Block
from agent.store.losses import Cause
from agent.store.numbering import Run, WindowPlan, decode_runs, encode_runs, joined, runs_of
from agent.store.records import RecordClass
from agent.store.retention import Retention, Stage
from agent.store.schema import migrate
from agent.store.store import Store
from cloud_sync.edge.lane import Lane
from cloud_sync.wire import ReadingRange
from edge_runtime.errors import StoreDamagedError
from edge_runtime.number_ranges import NumberRanges
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading
from tests.stored import MINUTE_US, SECOND_US, diagnosis, readings, window


def at(*seconds, sensor="PS1"):
    return [Reading(sensor, 1.0, Quality.GOOD, second * SECOND_US, 0) for second in seconds]


def numbers(*ranges):
    return NumberRanges.of(ranges)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def store(path):
    with Store.open(path, "boot-1", retention=Retention(min_free_bytes=0)) as store:
        yield store


def test_numbers_follow_source_times_whatever_the_order_of_arrival(store):
    store.append(at(61, 59, 60, 58))
    store.record(window(0), diagnosis(0), [])
    (account,) = store.accounts()
    assert account.fates == {Fate.WINDOW: numbers((0, 1))}
    assert account.undiagnosed == numbers((2, 3))
    (record,) = store.windows_of("boot-1", numbers((1, 1)))
    assert record.readings == (ReadingRange("boot-1", 0, 1),)


def test_a_reading_that_comes_after_its_window_is_late(store):
    store.append(at(0))
    store.record(window(0), diagnosis(0), [])
    store.append(at(1, 61))
    assert store.accounts()[0].undiagnosed == numbers((1, 2))
    store.record(window(1), diagnosis(1), [])
    assert store.accounts()[0].fates == {Fate.WINDOW: numbers((0, 0), (2, 2)), Fate.LATE: numbers((1, 1))}


def test_a_window_that_is_left_out_takes_its_readings_with_it(store):
    store.append(at(0, 61))
    store.skip_to(MINUTE_US)
    assert store.accounts()[0].fates == {Fate.SKIPPED: numbers((0, 0))}
    store.append(at(1))
    store.skip_to(2 * MINUTE_US)
    assert store.accounts()[0].fates == {Fate.SKIPPED: numbers((0, 1)), Fate.LATE: numbers((2, 2))}


def test_readings_of_a_sensor_that_the_machine_lacks_are_told_apart(store):
    store.plan = WindowPlan(sensors=frozenset({"PS1"}))
    store.append([*at(0, sensor="XX"), *at(1, 2)])
    store.record(window(0), diagnosis(0), [])
    assert store.accounts()[0].fates == {Fate.WINDOW: numbers((0, 1)), Fate.UNKNOWN_SENSOR: numbers((2, 2))}


def test_a_window_that_was_recorded_before_takes_no_more_readings(store):
    store.append(at(0))
    store.record(window(0), diagnosis(0), [])
    store.append(at(1))
    store.record(window(0), diagnosis(0), [])
    assert store.accounts()[0].fates == {Fate.WINDOW: numbers((0, 0)), Fate.LATE: numbers((1, 1))}


def test_readings_of_two_boots_may_be_in_one_window(path):
    with Store.open(path, "boot-1") as store:
        store.append(at(0, 1))
    with Store.open(path, "boot-2") as store:
        store.append(at(2))
        store.record(window(0), diagnosis(0), [])
        assert [(one.boot, one.read, one.fates) for one in store.accounts()] == [
            ("boot-1", 2, {Fate.WINDOW: numbers((0, 1))}),
            ("boot-2", 1, {Fate.WINDOW: numbers((0, 0))}),
        ]
        (record,) = store.windows_of("boot-2", numbers((0, 0)))
        assert set(record.readings) == {ReadingRange("boot-1", 0, 1), ReadingRange("boot-2", 0, 0)}


def test_a_window_waits_until_its_batch_is_acknowledged(store):
    store.append(at(0, 61))
    store.record(window(0), diagnosis(0), [])
    assert store.accounts()[0].unsent == numbers((0, 0))
    batch = store.next_batch((Lane.FRESH,))
    assert batch.opened().windows[0].readings == (ReadingRange("boot-1", 0, 0),)
    store.acknowledge(batch.boot, batch.number)
    assert store.accounts()[0].unsent == numbers()
    assert store.accounts()[0].fates == {Fate.WINDOW: numbers((0, 0))}


def test_a_refused_window_is_accounted_for_as_that(store):
    store.append(at(0))
    store.record(window(0), diagnosis(0), [])
    batch = store.next_batch((Lane.FRESH,))
    store.refuse(batch.boot, batch.number, "no")
    assert not store.accounts()[0].unsent
    assert store.accounts()[0].fates[Fate.REFUSED] == numbers((0, 0))
    store.retry_dead_letter(store.dead_letters()[0].id)
    assert store.accounts()[0].unsent == numbers((0, 0))
    store.refuse(*((again := store.next_batch((Lane.BACKLOG,))).boot, again.number), "no")
    store.drop_dead_letter(store.dead_letters()[0].id)
    assert store.accounts()[0].fates == {Fate.REFUSED: numbers((0, 0))}


def test_readings_in_a_damaged_block_are_not_said_to_be_in_the_window(path, store):
    store.append(at(0))
    store.append(at(1))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE reading_block SET payload = x'00' WHERE id = 1")
    assert len(store.series(0, MINUTE_US)["PS1"]) == 1
    store.record(window(0), diagnosis(0), [])
    assert store.accounts()[0].fates == {Fate.WINDOW: numbers((1, 1)), Fate.DAMAGED: numbers((0, 0))}


def test_what_is_shed_stays_accounted_for(path):
    """Blocks that were diagnosed, blocks that were not, and windows that were not sent, all gone for want of room."""
    with Store.open(path, "boot-1", retention=Retention(max_bytes=100_000, min_free_bytes=0)) as store:
        for second in range(0, 120, 2):
            store.append(readings(second, rate_hz=50))
        store.record(window(0, samples=60), diagnosis(0), [])
        before = store.accounts()[0]
        batch = store.next_batch((Lane.FRESH,))
        store.acknowledge(batch.boot, batch.number)
        for minute in range(2, 60):
            store.append(readings(minute * 60, rate_hz=50))
            store.record(window(minute, samples=3000), diagnosis(minute), [])
            store.prune()
        after = store.accounts()[0]
    assert len(before.fates[Fate.WINDOW]) == 30 * 150
    assert after.read == 60 * 150 + 58 * 150
    assert after.fates[Fate.LATE] == numbers((30 * 150, 60 * 150 - 1))
    assert after.fates[Fate.UNSENT]
    assert after.fates[Fate.WINDOW] == before.fates[Fate.WINDOW] | after.unsent
    assert sum(map(len, after.fates.values())) == after.read
    with Store.open(path, "boot-2") as store:
        assert store.accounts()[0] == after


def test_undiagnosed_readings_that_are_shed_have_that_fate(store):
    for second in range(40):
        store.append(readings(second, rate_hz=50))
    store._shed((Stage(RecordClass.READING, needed=True),), Cause.DISK_FULL)
    account = store.accounts()[0]
    assert account.fates[Fate.SHED] | account.undiagnosed == NumberRanges.below(account.read)
    assert not account.fates[Fate.SHED] & account.undiagnosed
    store.record(window(0), diagnosis(0), [])
    (shed, kept) = (account.fates[Fate.SHED], account.undiagnosed)
    assert store.accounts()[0].fates == {Fate.SHED: shed, Fate.WINDOW: kept}


class Accounts(RuleBasedStateMachine):
    """Random appends in any order and late, windows recorded and left out, merges, and restarts at any point.

    Attributes:
        fates: by boot, for each number its fate or the minute that it waits for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.fates: list[list[Fate | int]] = []
        self.minute = 0
        self.store = self.opened()

    def opened(self) -> Store:
        self.fates.append([])
        path = Path(self.folder.name) / "store.db"
        return Store.open(path, f"boot-{len(self.fates)}", retention=Retention(min_free_bytes=0))

    @rule(data=st.data())
    def append(self, data) -> None:
        seconds = data.draw(st.lists(st.integers(0, (self.minute + 2) * 60), min_size=1, max_size=20))
        self.store.append(at(*seconds))
        self.fates[-1] += [second // 60 for second in sorted(seconds)]

    @rule()
    def record(self) -> None:
        self.store.record(window(self.minute), diagnosis(self.minute), [])
        self.close_window(Fate.WINDOW)

    @rule()
    def skip(self) -> None:
        self.store.skip_to((self.minute + 1) * MINUTE_US)
        self.close_window(Fate.SKIPPED)

    def close_window(self, inside: Fate) -> None:
        def fate_of(now: Fate | int) -> Fate | int:
            if isinstance(now, Fate) or now > self.minute:
                return now
            return inside if now == self.minute else Fate.LATE

        self.fates = [[fate_of(now) for now in boot] for boot in self.fates]
        self.minute += 1

    @rule()
    def merge(self) -> None:
        self.store.prune()

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = self.opened()

    @invariant()
    def every_number_has_the_fate_that_it_should_have(self) -> None:
        accounts = {account.boot: account for account in self.store.accounts()}
        for number, boot in enumerate(self.fates, start=1):
            account = accounts.pop(f"boot-{number}", None)
            assert (account.read if account else 0) == len(boot)
            if account:
                assert account.undiagnosed == where(boot, lambda fate: not isinstance(fate, Fate))
                for fate in Fate:
                    held = where(boot, lambda found, fate=fate: found is fate)
                    assert account.fates.get(fate, NumberRanges()) == held
        assert not accounts

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


def where(fates, condition):
    return NumberRanges.of((number, number) for number, fate in enumerate(fates) if condition(fate))


class TestAccounts(Accounts.TestCase):
    settings = settings(max_examples=30, stateful_step_count=30, deadline=None)

    @pytest.fixture(autouse=True)
    def merge_often(self, monkeypatch):
        monkeypatch.setattr(reading_table, "MERGE_BLOCKS", 2)


def test_runs_survive_merging(store, monkeypatch):
    monkeypatch.setattr(reading_table, "MERGE_BLOCKS", 119)
    for second in range(120):
        store.append(at(second, second + 3))
    store.prune()
    assert store._connection.execute("SELECT count(*) FROM reading_block").fetchone() == (2,)
    store.record(window(0), diagnosis(0), [])
    inside = store.accounts()[0].fates[Fate.WINDOW]
    assert len(inside) == 60 + 57


def test_runs_of_appends_join_where_they_meet():
    assert joined([Run(0, 2), Run(0, 3), Run(60, 1), Run(0, 1)]) == (Run(0, 5), Run(60, 1), Run(0, 1))


@given(st.lists(st.integers(-(10**9), 10**12), min_size=1), st.integers(1, 10**8))
def test_runs_count_the_readings_of_each_window(times, window_us):
    block = Block.of([Reading("PS1", 0.0, Quality.GOOD, time_us, 0) for time_us in times])
    runs = runs_of(block, WindowPlan(window_us))
    assert [run.start_us for run in runs] == sorted({time_us - time_us % window_us for time_us in times})
    assert all(
        run.count == sum(run.start_us <= time_us < run.start_us + window_us for time_us in times) for run in runs
    )
    assert decode_runs(encode_runs(runs), len(times)) == runs


@pytest.mark.parametrize("data", [None, 7, b"\xc1", encode_runs((Run(0, 3),))])
def test_damaged_runs_are_found(data):
    with pytest.raises(StoreDamagedError):
        decode_runs(data, 4)


def test_a_block_of_before_runs_were_kept_is_for_no_window():
    assert decode_runs(b"", 4) == (Run(None, 4),)


def test_what_an_earlier_version_stored_is_set_apart(path, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            migrate(connection)
            connection.execute("INSERT INTO boot (name, opened_us, batches) VALUES ('old', 0, 0)")
            connection.execute(
                "INSERT INTO reading_block (boot_id, first_counter, readings, first_time_us, last_time_us, stored_us, "
                "bytes, payload) VALUES (1, 100, 50, 0, 1, 0, 0, x'')"
            )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection)
        (account,) = AccountTable(connection).boots()
    assert (account.read, account.fates) == (150, {Fate.EARLIER: numbers((0, 149))})
    assert not account.undiagnosed


def test_accounts_of_a_year_are_small(store):
    """Windows in a row are one range, however many."""
    for minute in range(200):
        store.append(at(*range(minute * 60, minute * 60 + 60, 7), minute * 60 + 61))
        store.record(window(minute), diagnosis(minute), [])
    assert store._connection.execute("SELECT count(*) FROM account").fetchone()[0] <= 2
