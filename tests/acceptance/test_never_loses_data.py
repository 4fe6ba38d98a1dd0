"""The box, the database and the centre are killed at random while the machine runs; then rows are counted."""

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from agent.cli.main import app
from agent.store.reader import StoreReader
from tests.rig.agent import FAILED, Agent
from tests.rig.arrived import Records, accepted, arrived, pending, stored
from tests.rig.recordings import CYCLE_US, Readings, unbroken, write
from tests.rig.rig import Rig, enrol_at
from tests.rig.until import until
from tests.servers.postgres import PostgresServer, fresh_database

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SEED = 20150102
KILLS = ["agent"] * 6 + ["database"] * 2 + ["centre"]
LATENESS_US = 45_000_000
ROUND = 8
SOME_BEATS_S = 5.0


@dataclass(frozen=True)
class Promise:
    """What a run of the agent had said before it was killed: so many readings of this run are stored."""

    run: int
    readings: int


@dataclass(frozen=True)
class Aftermath:
    """What is left when everything has been drained; nothing runs any more but the database."""

    played: Readings
    promises: list[Promise]
    records: Records
    readings: Readings
    blocks: list[tuple[int, int, int]]
    database_url: str
    config: Path


@pytest.fixture(scope="module")
def aftermath(_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    chance = random.Random(SEED)
    order = chance.sample(KILLS, len(KILLS))
    played = unbroken(ROUND)
    folder = tmp_path_factory.mktemp("kills")
    promises: list[Promise] = []
    with fresh_database(_postgres.url) as database_url, Rig(folder / "rig") as rig:
        agent = rig.agent(level_bias=FAILED)
        centre = rig.centre(database_url)
        enrol_at(centre, agent)
        agent.start()
        rig.simulator.start(write(folder / "recording", played), once=False)
        for number, victim in enumerate(order):
            time.sleep(chance.uniform(0.2, 3.0))
            if victim == "agent":
                promises.append(Promise(order[: number + 1].count("agent"), agent.status()["readings"]))
                agent.kill()
                agent.start()
            elif victim == "database":
                _postgres.kill()
                time.sleep(chance.uniform(0.2, 1.0))
                _postgres.start()
            else:
                centre.kill()
                centre.start()
        rig.simulator.kill()
        with agent.store() as store:
            until(lambda: at_rest(store), "every complete window is recorded, and the centre has everything")
        agent.kill()
        with agent.store() as store:
            records, readings = stored(store), store.series(0, 2**62)
        yield Aftermath(played, promises, records, readings, blocks(agent), database_url, agent.config)


def at_rest(store: StoreReader) -> bool:
    """Nothing is left to do, and some beats of the agent later still isn't: what it had received is in the store."""
    if not (diagnosed_up_to(store) and pending(store) == 0):
        return False
    newest = store.newest_source_time()
    time.sleep(SOME_BEATS_S)
    return store.newest_source_time() == newest and diagnosed_up_to(store) and pending(store) == 0


def diagnosed_up_to(store: StoreReader) -> bool:
    newest, cursor = store.newest_source_time(), store.next_window_start()
    return newest is not None and cursor is not None and cursor + CYCLE_US + LATENESS_US > newest


def blocks(agent: Agent) -> list[tuple[int, int, int]]:
    """Boot, first number and count of every block of readings, in order."""
    with sqlite3.connect(f"file:{agent.data / 'store.db'}?mode=ro", uri=True) as connection:
        return connection.execute(
            "SELECT boot_id, first_counter, readings FROM reading_block ORDER BY boot_id, first_counter"
        ).fetchall()


def test_no_reading_that_was_acknowledged_is_missing(aftermath: Aftermath) -> None:
    """Within each run of the agent the numbers are without a gap, and reach as far as it had said."""
    counted: dict[int, int] = {}
    for boot, first, count in aftermath.blocks:
        assert first == counted.get(boot, 0)
        counted[boot] = first + count
    assert len(aftermath.promises) == KILLS.count("agent")
    for promise, boot in zip(aftermath.promises, sorted(counted), strict=False):
        assert counted[boot] >= promise.readings > 0


def test_readings_are_what_the_machine_showed(aftermath: Aftermath) -> None:
    length_us = ROUND * CYCLE_US
    for sensor in ("PS1", "EPS1", "FS1", "SE"):
        played, kept = aftermath.played[sensor], aftermath.readings[sensor]
        start_us = played.times_us[0]
        at = np.searchsorted(played.times_us, start_us + (kept.times_us - start_us) % length_us)
        np.testing.assert_allclose(kept.values, played.values[at], rtol=1e-6)


def test_every_cycle_with_readings_is_diagnosed(aftermath: Aftermath) -> None:
    seen = {int(time_us - time_us % CYCLE_US) for series in aftermath.readings.values() for time_us in series.times_us}
    newest = max(int(series.times_us[-1]) for series in aftermath.readings.values())
    complete = {start for start in seen if start + CYCLE_US + LATENESS_US <= newest}
    assert complete - aftermath.records.diagnoses.keys() == set()
    assert {start for start, _ in aftermath.records.windows} == aftermath.records.diagnoses.keys()


def test_everything_is_in_the_database_as_it_is_in_the_store(aftermath: Aftermath) -> None:
    """Diagnoses are compared with how long each took: had a window been diagnosed twice, one of them would show."""
    assert arrived(aftermath.database_url) == aftermath.records


def test_nothing_was_taken_twice(aftermath: Aftermath) -> None:
    taken = accepted(aftermath.database_url)
    records = aftermath.records
    assert (taken.windows, taken.diagnoses, taken.alerts, taken.gaps, taken.clock_steps) == (
        len(records.diagnoses),
        len(records.diagnoses),
        len(records.alerts),
        len(records.gaps),
        len(records.clock_steps),
    )


def test_the_centre_knows_why_there_are_no_readings(aftermath: Aftermath) -> None:
    """Each kill of the agent, each start of it; the records are compared one by one above."""
    causes = [cause for cause, _, _ in arrived(aftermath.database_url).gaps.values()]
    assert causes.count("agent killed") == KILLS.count("agent")
    assert len(aftermath.records.clock_steps) > KILLS.count("agent")


def test_every_reading_is_accounted_for(aftermath: Aftermath) -> None:
    """Of each run of the agent: what it read is at the centre, or in the window that wasn't over when it ended."""
    result = CliRunner().invoke(app, ["sync", "reconcile", "--json", "--config", str(aftermath.config)])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["missing"], said["twice"]) == (0, 0), said["verdict"]
    assert said["read"] == sum(count for _, _, count in aftermath.blocks)
    assert len(said["boots"]) == len({boot for boot, _, _ in aftermath.blocks})
    cursor_us = max(start for start, _ in aftermath.records.windows) + CYCLE_US
    later = sum(int((series.times_us >= cursor_us).sum()) for series in aftermath.readings.values())
    late = sum(last - first + 1 for boot in said["boots"] for first, last in boot["fates"].get("late", []))
    assert said["at_centre"] + said["waiting"] + late == said["read"]
    assert said["waiting"] >= later


def test_alerts_are_raised_once_whatever_happened(aftermath: Aftermath) -> None:
    about = [alert["kind"] for alert in aftermath.records.alerts.values() if not alert["kind"].startswith("sensor-")]
    assert sorted(about) == sorted(set(about))
    assert set(about) == {"overheating", "valve_stiction", "leakage", "pressure_drop"}
