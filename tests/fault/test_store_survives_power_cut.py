"""The power goes in the middle of writing: what was acknowledged is there, what wasn't is there whole or not at all.

The model. Between two moments at which everything written so far is on the disk, a program writes to its files. When
the power goes in between, each sector of 512 bytes written since may be on the disk or not, whatever the order of
writing, and a file that has grown has its old length, its new one, or one between. That takes for granted what SQLite
does too: that the disk obeys a flush, that a sector is written whole or not at all, and that a synced file keeps its
name.

SQLite puts a flush between writing to the log and taking pages over from it into the file, so the two are steps of
their own here; and another between the header of a log that begins anew and what follows it.
HYDROSIGHT_POWER_CUTS says how many cuts to make.
"""

import os
import random
from dataclasses import dataclass

import pytest

from agent.store.store import Store
from tests.stored import MINUTE_US, SECOND_US, alert, diagnosis, readings, window

CUTS = int(os.environ.get("HYDROSIGHT_POWER_CUTS", "50"))
SECTOR = 512
STEPS = 150
LOG_HEADER = 32
DATA, LOG = "store.db", "store.db-wal"


@dataclass(frozen=True)
class Content:
    """What was acknowledged: seconds of readings and minutes diagnosed."""

    seconds: int = 0
    minutes: int = 0


@dataclass(frozen=True)
class Step:
    """One step of the store: the files before and after, and what is acknowledged then."""

    before: dict[str, bytes]
    after: dict[str, bytes]
    had: Content
    has: Content


def steps(folder, chance):
    """A store at work, step by step."""
    had = Content()
    with Store.open(folder / "store.db", "boot-1") as store:
        store._connection.execute("PRAGMA wal_autocheckpoint = 0")
        before = images(folder)
        for _ in range(STEPS):
            has = had
            match chance.choice(["append"] * 6 + ["record", "prune", "checkpoint"]):
                case "append":
                    store.append(readings(had.seconds, rate_hz=chance.choice([1, 10, 100])))
                    has = Content(had.seconds + 1, had.minutes)
                case "record":
                    store.record(
                        window(had.minutes, samples=600),
                        diagnosis(had.minutes),
                        [alert(f"a{had.minutes}", had.minutes)],
                    )
                    has = Content(had.seconds, had.minutes + 1)
                case "prune":
                    store.prune()
                case "checkpoint":
                    store._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
            after = images(folder)
            yield Step(before, after, had, has)
            before, had = after, has


def images(folder):
    return {name: (folder / name).read_bytes() for name in (DATA, LOG)}


def torn_log(before, after, chance):
    """The log as the cut may have left it."""
    if before[:LOG_HEADER] != after[:LOG_HEADER]:
        if chance.random() < 0.2:
            return before
        before = after[:LOG_HEADER] + before[LOG_HEADER:]
    return torn(before, after, chance)


def torn(before, after, chance):
    """One file as the cut may have left it."""
    length = chance.choice([len(before), len(after), chance.randint(*sorted((len(before), len(after))))])
    share = chance.choice([0.0, 0.1, 0.5, 0.9, 1.0])
    sectors = []
    for start in range(0, length, SECTOR):
        written = chance.random() < share
        part = (after if written else before)[start : start + SECTOR]
        sectors.append(part.ljust(min(SECTOR, length - start), b"\0")[: length - start])
    return b"".join(sectors)


def check(path, step):
    """Compare what the store has with what it must have and may have."""
    with Store.open(path, "boot-2") as store:
        assert store.salvage is None
        assert store.statistics().damaged == 0
        series = store.series(0, (step.has.seconds + 1) * SECOND_US)
        seconds = {sensor: {time // SECOND_US for time in one.times_us.tolist()} for sensor, one in series.items()}
        for sensor, base in (("PS1", 0.0), ("PS2", 1000.0), ("TS1", 2000.0)):
            found = seconds.get(sensor, set())
            assert found in ({*range(step.had.seconds)}, {*range(step.has.seconds)})
            if sensor in series:
                assert series[sensor].values.tolist() == (base + series[sensor].times_us / SECOND_US).tolist()
        assert len({frozenset(item) for item in seconds.values()}) <= 1, "a second is there whole or not at all"
        minutes = len(store.windows(1000))
        assert minutes in {step.had.minutes, step.has.minutes}
        assert minutes == len(store.diagnoses(1000)) == len(store.unpublished_alerts())
        assert (store.next_window_start() or 0) == minutes * MINUTE_US
        store.append(readings(step.has.seconds + 1))


@pytest.mark.parametrize("seed", range(2))
def test_everything_acknowledged_outlives_a_power_cut_at_any_moment(tmp_path, seed, monkeypatch):
    monkeypatch.setattr("agent.store.readings.MERGE_READINGS", 2000)
    chance = random.Random(seed)
    (tmp_path / "live").mkdir()
    all_steps = [step for step in steps(tmp_path / "live", chance) if step.before != step.after]
    assert any(step.before[DATA] != step.after[DATA] for step in all_steps), "some steps are checkpoints"
    for cut in range(CUTS // 2):
        step = chance.choice(all_steps)
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        (folder / DATA).write_bytes(torn(step.before[DATA], step.after[DATA], chance))
        (folder / LOG).write_bytes(torn_log(step.before[LOG], step.after[LOG], chance))
        check(folder / "store.db", step)
