"""The way to the centre swallows everything for the whole run: acquisition, diagnosis and alerts go on at full rate.

A peer's local polling died half an hour into an internet outage. Here a minute of the rig passes in a second.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from edge_runtime.alert import Alert, AlertState
from edge_runtime.diagnosis import Diagnosis
from tests.rig.agent import FAILED, Agent, Change
from tests.rig.arrived import arrived, pending, stored
from tests.rig.black_hole import BlackHole
from tests.rig.recordings import CYCLE_US, unbroken, write
from tests.rig.rig import Rig, enrol_at
from tests.rig.until import until
from tests.servers.postgres import PostgresServer, fresh_database

pytestmark = [pytest.mark.servers, pytest.mark.slow]

MINUTES = int(os.environ.get("HYDROSIGHT_OUTAGE_MINUTES", "24"))
"""Of the machine's time: raise it for a longer soak."""


@dataclass(frozen=True)
class Outage:
    """What a box did while nothing could leave the site."""

    agent: Agent
    diagnoses: list[Diagnosis]
    alerts: list[Alert]
    centre_changes: list[Change]
    swallowed: int
    waiting: int
    database_url: str


@pytest.fixture(scope="module")
def outage(_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    folder = tmp_path_factory.mktemp("outage")
    with fresh_database(_postgres.url) as database_url, Rig(folder / "rig") as rig, rig.listener() as listener:
        agent, centre = rig.agent(level_bias=FAILED), rig.centre(database_url)
        enrol_at(centre, agent)
        centre.kill()
        with BlackHole(centre.port) as hole:
            agent.start()
            rig.simulator.start(write(folder / "recording", unbroken(MINUTES)))
            rig.simulator.finish(timeout_s=120 + 2 * MINUTES)
            until(lambda: agent.windows() >= MINUTES - 1, "every complete minute is diagnosed")
            with agent.store() as store:
                waiting = pending(store)
            swallowed = hole.connections
        seen = (listener.diagnoses, listener.alerts)
        centre.start()
        with agent.store() as store:
            until(lambda: pending(store) == 0, "the centre has everything after the outage", timeout_s=120)
        yield Outage(agent, *seen, agent.changes("centre"), swallowed, waiting, database_url)


def test_every_complete_minute_is_diagnosed_and_published(outage: Outage) -> None:
    starts = sorted({round(one.window_start.timestamp() * 1e6) for one in outage.diagnoses})
    assert len(starts) >= MINUTES - 1
    assert set(np.diff(starts)) == {CYCLE_US}
    assert min(one.completeness for one in outage.diagnoses) > 0.9


def test_alerts_are_raised_meanwhile(outage: Outage) -> None:
    assert {alert.state for alert in outage.alerts} == {AlertState.RAISED}


def test_the_centre_was_really_tried_and_its_silence_and_its_end_said_once(outage: Outage) -> None:
    assert outage.swallowed > 0
    assert outage.waiting >= 2 * (MINUTES - 1)
    assert [change.healthy for change in outage.centre_changes] == [False, True]


def test_all_of_it_reaches_the_centre_afterwards(outage: Outage) -> None:
    with outage.agent.store() as store:
        kept = stored(store)
    there = arrived(outage.database_url)
    assert there.windows == kept.windows
    assert there.diagnoses == kept.diagnoses
