from dataclasses import replace

import pytest

from agent.store import gaps as gap_module
from agent.store.gaps import Gap, GapCause
from agent.store.retention import Retention
from agent.store.store import Store
from cloud_sync.edge.lane import Lane
from cloud_sync.wire import GapRecord
from edge_runtime.clock import ClockState
from edge_runtime.timeline import ClockStep
from tests.stored import SECOND_US, readings

NOW_US = 1_000 * SECOND_US
AWAY = Gap(1, GapCause.SOURCE_DOWN, "plc", ("PS1", "PS2"), NOW_US, detail="no connection")


@pytest.fixture
def run(tmp_path):
    """One run of the agent: open, note since when none ran, read a second, and let go, as a kill does."""
    now, runs = [NOW_US], []

    def run(kernel, *, in_order=False, for_us=60 * SECOND_US):
        runs.append(f"run-{len(runs)}")
        retention = Retention(min_free_bytes=0)
        with Store.open(tmp_path / "store.db", runs[-1], retention=retention, now_us=lambda: now[0]) as store:
            store.note_absence(kernel)
            store.start_clock(ClockStep(0, *[now[0]] * 3, ClockState.SYNCED, ClockState.SYNCED), kernel)
            now[0] += for_us
            store.append(readings(1))
            if in_order:
                store.stopped()
            now[0] += for_us
            return store.gaps()

    return run


def test_the_first_run_follows_on_none(run):
    assert run("kernel") == []


@pytest.mark.parametrize(
    ("in_order", "kernel", "cause"),
    [
        (True, "first", GapCause.STOPPED),
        (True, "second", GapCause.STOPPED),
        (False, "first", GapCause.KILLED),
        (False, "second", GapCause.POWER_LOST),
    ],
)
def test_why_no_agent_ran_is_told_apart(run, in_order, kernel, cause):
    run("first", in_order=in_order)
    (gap,) = run(kernel)
    assert gap == Gap(1, cause, "", (), NOW_US + 60 * SECOND_US, NOW_US + 120 * SECOND_US)


def test_an_open_gap_outlives_the_run_and_is_closed_under_its_number(tmp_path):
    path = tmp_path / "store.db"
    with Store.open(path, "killed") as store:
        store.note_gaps([AWAY])
    with Store.open(path, "next") as store:
        assert store.open_gaps() == [AWAY]
        assert store.next_gap_number() == 2
        over = replace(AWAY, ended_us=NOW_US + SECOND_US)
        store.note_gaps([over])
        assert store.open_gaps() == []
        assert store.gaps() == [over]
        assert store.gaps(since_us=NOW_US + SECOND_US + 1) == []


def test_a_gap_is_sent_once_it_is_over_under_the_run_that_noticed_it(tmp_path):
    path, over = tmp_path / "store.db", replace(AWAY, ended_us=NOW_US + SECOND_US)
    with Store.open(path, "killed", machine="press") as store:
        store.note_gaps([AWAY])
        assert store.next_batch() is None
    with Store.open(path, "next", machine="press") as store:
        for _ in range(3):  # a write whose success the agent didn't hear of is repeated
            store.note_gaps([over])
        batch = store.next_batch()
        assert batch.lane is Lane.DIAGNOSIS
        assert batch.opened().gaps == (
            GapRecord(
                *("press", "killed", 1, "source down", "plc", ("PS1", "PS2")),
                *(NOW_US, NOW_US + SECOND_US, 0, "no connection"),
            ),
        )
        store.acknowledge(batch.boot, batch.number)
        store.note_gaps([over])
        assert store.next_batch() is None


def test_every_start_and_step_of_the_clock_is_sent_once(tmp_path):
    late = ClockStep(7, NOW_US, NOW_US - SECOND_US, NOW_US, ClockState.SUSPECT, ClockState.SYNCED)
    with Store.open(tmp_path / "store.db", "boot", machine="press") as store:
        store.start_clock(replace(late, before_us=NOW_US), "kernel")
        store.append(readings(1), step_after=late)
        store.append([], step_after=late)
        steps = store.next_batch().opened().clock_steps
        entries = store.clock_entries()
    assert [(step.boot, step.counter, step.before_us, step.after_us) for step in steps] == [
        (entry.boot, entry.counter, entry.step.before_us, entry.step.after_us) for entry in reversed(entries)
    ]
    assert [step.number for step in steps] == [1, 2, 3]
    assert {(step.state_before, step.state_after) for step in steps} == {("suspect", "synced")}


def test_a_store_of_no_machine_keeps_its_ledgers(tmp_path):
    with Store.open(tmp_path / "store.db", "boot") as store:
        store.note_gaps([replace(AWAY, ended_us=NOW_US)])
        assert store.next_batch() is None


def test_the_oldest_gaps_that_are_over_make_way(tmp_path, monkeypatch):
    monkeypatch.setattr(gap_module, "MAX_ROWS", 10)
    with Store.open(tmp_path / "store.db", "boot") as store:
        store.note_gaps([AWAY])
        store.note_gaps([replace(AWAY, number=number, ended_us=NOW_US) for number in range(2, 40)])
        assert [gap.number for gap in store.gaps()] == [*range(39, 29, -1), 1]
