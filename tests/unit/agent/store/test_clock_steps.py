"""Steps, restarts and syncs of the clock in any order: no reading is lost or twice, and known times are right."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.box_clock import BUILD_TIME_US, BoxClock
from agent.clock_keeper import DoubtedArrivals, begin_time
from agent.store import restamp
from agent.store.accounts import Fate
from agent.store.gaps import Gap, GapCause
from agent.store.retention import Retention
from agent.store.store import Store
from cloud_sync.batch_codec import decode_batch
from edge_runtime.clock import ClockState
from edge_runtime.quality import Quality, Reason, quality_of, reason_of
from edge_runtime.reading import Reading
from edge_runtime.timeline import STEP_US, ClockLook
from tests.stored import MINUTE_US, diagnosis, window

SECOND_US = 1_000_000
YEAR_US = 365 * 86_400 * SECOND_US
TRUTH_US = BUILD_TIME_US + YEAR_US
SILENT_US = 3 * SECOND_US


class FakeClocks:
    """A machine's clocks. `true_us` is what time it really is."""

    def __init__(self):
        self.true_us = TRUTH_US
        self.switched_on(0)

    def switched_on(self, wall_us):
        self.monotonic_us = 10 * SECOND_US
        self.wall_error_us = wall_us - self.true_us
        self.synchronised = False

    def pass_by(self, us):
        self.true_us += us
        self.monotonic_us += us

    def look(self):
        return ClockLook(max(0, self.true_us + self.wall_error_us), self.monotonic_us, self.synchronised)


class Clocks(RuleBasedStateMachine):
    """A box whose readings are stamped by arrival (A) or by a right clock of their own (D); values are numbers."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clocks = FakeClocks()
        self.read = []  # (true time, kernel boot) of each number
        self.kernel = 1
        self.runs = 0
        self.store = None
        self.start()

    def start(self):
        if self.store:
            self.store.close()
        self.runs += 1
        path = Path(self.folder.name)
        self.clock = BoxClock(path / "floor", self.clocks.look, lambda: self.clocks.monotonic_us)
        retention = Retention(min_free_bytes=0)
        self.store = Store.open(path / "store.db", f"run-{self.runs}", retention=retention, now_us=self.clock.now_us)
        begin_time(self.clock, self.store, f"kernel-{self.kernel}")

    @rule(count=st.integers(1, 4))
    def read_some(self, count):
        """A few readings in one beat, then the beat follows the wall clock."""
        taken = []
        deliver = DoubtedArrivals(self.clock, lambda readings, stored: taken.extend(readings))
        for _ in range(count):
            self.clocks.pass_by(SECOND_US)
            number, now_us = float(len(self.read)), self.clock.now_us()
            deliver(
                [
                    Reading("A", number, Quality.GOOD, now_us, now_us),
                    Reading("D", number, Quality.GOOD, self.clocks.true_us - SILENT_US, now_us),
                ]
            )
            self.read.append((self.clocks.true_us, self.kernel))
        self.store.append(taken, step_after=self.clock.follow())

    @rule(years=st.sampled_from([-30, -1, -0.001, 0.001, 1, 30]))
    def somebody_sets_the_wall_clock(self, years):
        self.clocks.wall_error_us += round(years * YEAR_US)
        self.clocks.synchronised = False

    @rule()
    def the_wall_clock_is_synchronised(self):
        self.clocks.wall_error_us = 0
        self.clocks.synchronised = True

    @rule()
    def the_agent_is_restarted(self):
        self.clocks.pass_by(SECOND_US)
        self.start()

    @rule(wall_us=st.sampled_from([0, TRUTH_US]))
    def the_power_fails(self, wall_us):
        self.clocks.pass_by(60 * SECOND_US)
        self.kernel += 1
        self.clocks.switched_on(wall_us)
        self.start()

    @rule()
    def housekeeping(self):
        self.store.prune()

    @rule()
    def the_floor_is_kept(self):
        self.clock.keep_floor()

    @invariant()
    def nothing_is_lost_and_the_order_is_kept(self):
        for series in self.values().values():
            assert [value for *_, value in series] == list(range(len(self.read)))

    def values(self):
        """(source time, status, value) of each reading by number, for each sensor: read past the index by time."""
        found = {"A": [], "D": []}
        for block in self.store._readings._blocks("ORDER BY boot_id, first_counter", ()):
            for sensor, rows in block.by_sensor():
                found[sensor] += zip(
                    block.times_us[rows].tolist(), block.statuses[rows], block.values[rows].tolist(), strict=True
                )
        return found

    @rule()
    def once_the_clock_is_known_all_times_since_the_box_was_switched_on_are_right(self):
        self.the_wall_clock_is_synchronised()
        self.read_some(1)
        while self.store._clock_ledger.restamping():
            self.store.prune()
        for (time_us, status, _), (true_us, kernel) in zip(self.values()["A"], self.read, strict=True):
            if kernel == self.kernel and self.never_stepped_while_known(kernel):
                assert abs(time_us - true_us) <= STEP_US
                assert quality_of(status) == Quality.GOOD
        for (time_us, *_), (true_us, _) in zip(self.values()["D"], self.read, strict=True):
            assert time_us == true_us - SILENT_US

    def never_stepped_while_known(self, kernel):
        """Whether trust in the clock only rose since the box was switched on: else some times can't be known better."""
        entries = [entry for entry in reversed(self.store.clock_entries()) if entry.kernel == f"kernel-{kernel}"]
        return all(entry.step.trusted_more or entry.step.shift_us == 0 for entry in entries) and not any(
            entry.step.state_before is not entry.step.state_after and not entry.step.trusted_more for entry in entries
        )

    def teardown(self):
        self.store.close()
        self.folder.cleanup()


class TestClocks(Clocks.TestCase):
    settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def open_store(path, clocks, kernel="kernel"):
    clock = BoxClock(path / "floor", clocks.look, lambda: clocks.monotonic_us)
    store = Store.open(path / "store.db", f"at-{clocks.true_us}", now_us=clock.now_us, machine="rig")
    begin_time(clock, store, kernel)
    return clock, store


def arrivals(clock, clocks, count, sensor="A"):
    readings = []
    deliver = DoubtedArrivals(clock, lambda taken, stored: readings.extend(taken))
    for number in range(count):
        clocks.pass_by(SECOND_US)
        deliver([Reading(sensor, float(number), Quality.GOOD, clock.now_us(), clock.now_us())])
    return readings


def test_readings_of_1970_are_marked_and_come_right_a_few_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(restamp, "SLICE_READINGS", 10)
    clocks = FakeClocks()
    clock, store = open_store(tmp_path, clocks)
    assert clock.state is ClockState.SUSPECT
    for _ in range(200):
        store.append(arrivals(clock, clocks, 10))
    series = store.series(0, 2**62)["A"]
    assert set(reason_of(series.statuses)) == {Reason.CLOCK}
    assert series.times_us[0] >= BUILD_TIME_US
    clocks.wall_error_us, clocks.synchronised = 0, True
    store.append([], step_after=clock.follow())
    store.prune()
    (entry, _start) = store.clock_entries()
    assert (entry.counter, entry.restamped, entry.restamping) == (2000, 80, True)
    while store.clock_entries()[0].restamping:
        store.prune()
    series = store.series(0, 2**62)["A"]
    assert series.times_us.tolist() == [TRUTH_US + (n + 1) * SECOND_US for n in range(2000)]
    assert not series.statuses.any()
    assert store.clock_entries()[0].restamped == 2000
    store.close()


def test_readings_count_in_the_window_that_their_right_times_are_in(tmp_path):
    clocks = FakeClocks()
    clock, store = open_store(tmp_path, clocks)
    store.append(arrivals(clock, clocks, 150))
    clocks.wall_error_us, clocks.synchronised = 0, True
    store.append([], step_after=clock.follow())
    store.prune()
    times_us = store.series(0, 2**62)["A"].times_us
    minute = int(times_us[0]) // MINUTE_US + 1
    store.record(window(minute), diagnosis(minute), [])
    (account,) = store.accounts()
    inside = int((times_us // MINUTE_US == minute).sum())
    assert 0 < inside == len(account.fates[Fate.WINDOW])
    assert len(account.undiagnosed) == int((times_us // MINUTE_US > minute).sum())
    store.close()


def test_a_kill_in_the_middle_moves_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(restamp, "SLICE_READINGS", 10)
    clocks = FakeClocks()
    clock, store = open_store(tmp_path, clocks)
    for _ in range(20):
        store.append(arrivals(clock, clocks, 10))
    clocks.wall_error_us, clocks.synchronised = 0, True
    store.append([], step_after=clock.follow())
    store.prune()
    store.close()
    _, store = open_store(tmp_path, clocks)
    while store.clock_entries()[1].restamping:
        store.prune()
    times = store.series(0, 2**62)["A"].times_us.tolist()
    assert times == [TRUTH_US + (n + 1) * SECOND_US for n in range(200)]
    store.close()


def test_after_the_power_failed_in_1970_time_goes_on_behind_what_is_stored(tmp_path):
    clocks = FakeClocks()
    clock, store = open_store(tmp_path, clocks, "first")
    store.append(arrivals(clock, clocks, 60))
    last_us = clock.now_us()
    store.close()
    clocks.switched_on(0)
    clock, store = open_store(tmp_path, clocks, "second")
    assert clock.now_us() >= last_us
    store.append(arrivals(clock, clocks, 5))
    clocks.wall_error_us, clocks.synchronised = 0, True
    store.append([], step_after=clock.follow())
    store.prune()
    statuses = store.series(0, 2**62)["A"].statuses
    assert reason_of(statuses).tolist() == [Reason.CLOCK] * 60 + [Reason.NONE] * 5
    store.close()


@pytest.mark.parametrize("read", [0, 10])
def test_how_long_the_power_was_lost_comes_right_with_the_clock(tmp_path, read):
    clocks = FakeClocks()
    clocks.wall_error_us, clocks.synchronised = 0, True
    clock, store = open_store(tmp_path, clocks, "before")
    store.append(arrivals(clock, clocks, 10))
    lost_us = clocks.true_us
    silent = Gap(store.next_gap_number(), GapCause.SILENT, "plc", ("D",), clock.now_us())
    store.note_gaps([silent])
    store.close()
    clocks.pass_by(3 * 86_400 * SECOND_US)
    clocks.switched_on(wall_us=0)
    back_us = clocks.true_us
    clock, store = open_store(tmp_path, clocks, "after")
    assert clock.state is ClockState.SUSPECT
    clocks.pass_by(SECOND_US)
    store.append(arrivals(clock, clocks, read))
    brief = Gap(store.next_gap_number(), GapCause.SILENT, "plc", ("A",), clock.now_us(), clock.now_us() + SECOND_US)
    store.note_gaps([replace(silent, ended_us=clock.now_us()), brief])
    assert store.next_batch() is not None  # sealed, and never acknowledged
    clocks.wall_error_us, clocks.synchronised = 0, True
    store.append([], step_after=clock.follow())
    gaps = {gap.number: gap for gap in store.gaps()}
    at_centre = {}
    while batch := store.next_batch():
        at_centre |= {gap.number: (gap.began_us, gap.ended_us) for gap in decode_batch(batch.body).gaps}
        store.acknowledge(batch.boot, batch.number)
    store.close()
    (absence,) = (gap for gap in gaps.values() if gap.cause is GapCause.POWER_LOST)
    now_us = clocks.true_us
    assert (absence.began_us, absence.ended_us) == (lost_us, back_us)
    assert (gaps[silent.number].began_us, gaps[silent.number].ended_us) == (lost_us, now_us)
    assert (gaps[brief.number].began_us, gaps[brief.number].ended_us) == (now_us, now_us + SECOND_US)
    assert at_centre == {gap.number: (gap.began_us, gap.ended_us) for gap in gaps.values()}
