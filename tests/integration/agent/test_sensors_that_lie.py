"""Sensors that are stuck, silent or without a value: the box notices, uses the others, and says when it is over."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from edge_runtime.alert import AlertState
from edge_runtime.diagnosis import Diagnosis
from tests.rig.agent import Agent
from tests.rig.listener import Listener
from tests.rig.recordings import edited, unbroken, without, write
from tests.rig.rig import Rig
from tests.rig.until import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

CYCLES = 9
BAD = range(2, 5)
RAISED_AFTER, CLEARED_AFTER = 3, 7
"""The cycle that raises is the second bad one, the one that clears the third good one after."""


@dataclass(frozen=True)
class Run:
    agent: Agent
    listener: Listener
    diagnoses: list[Diagnosis]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    played = unbroken(CYCLES + 1)
    played = edited(played, "PS1", BAD, lambda values: np.full_like(values, values[0]))
    played = edited(played, "FS2", BAD, lambda values: np.full_like(values, np.nan))
    played = without(without(played, "FS1", BAD), "SE", BAD)
    folder = tmp_path_factory.mktemp("liars")
    recording = write(folder / "recording", played)
    with Rig(folder) as rig:
        agent, listener = rig.agent(), rig.listener()
        agent.start()
        rig.simulator.start(recording)
        until(lambda: agent.windows() >= CYCLES, f"{CYCLES} windows are recorded")
        with agent.store() as store:
            until(lambda: not store.statistics().unpublished_alerts, "the broker has every alert")
            diagnoses = list(reversed(store.diagnoses(CYCLES)))
        until(lambda: len(listener.alerts) >= 8, "the listener has every alert")
        yield Run(agent, listener, diagnoses)


@pytest.mark.parametrize(("sensor", "kind"), [("PS1", "stuck"), ("FS2", "silent"), ("FS1", "silent"), ("SE", "silent")])
def test_the_fault_is_in_the_diagnosis_for_as_long_as_it_lasts(run: Run, sensor: str, kind: str) -> None:
    seen = [[fault.kind for fault in diagnosis.sensor_faults if fault.sensor == sensor] for diagnosis in run.diagnoses]
    assert seen == [[kind] if cycle in BAD else [] for cycle in range(CYCLES)]


@pytest.mark.parametrize("sensor", ["PS1", "FS2", "FS1", "SE"])
def test_an_alert_is_raised_once_and_cleared_once(run: Run, sensor: str) -> None:
    raised, cleared = (alert for alert in run.listener.alerts if alert.kind == f"sensor-{sensor}")
    assert (raised.state, cleared.state) == (AlertState.RAISED, AlertState.CLEARED)
    assert raised.id == cleared.id
    assert raised.raised_at == run.diagnoses[RAISED_AFTER].window_end
    assert cleared.cleared_at == run.diagnoses[CLEARED_AFTER].window_end
    assert sensor in raised.message
    assert sensor in raised.action


def test_nothing_else_is_raised(run: Run) -> None:
    assert {alert.kind for alert in run.listener.alerts} == {"sensor-PS1", "sensor-FS2", "sensor-FS1", "sensor-SE"}


def test_a_component_without_enough_data_abstains_and_says_why(run: Run) -> None:
    """Of the accumulator's sensors only the temperature is left."""
    for cycle, diagnosis in enumerate(run.diagnoses):
        accumulator = diagnosis.component("accumulator")
        assert accumulator.abstained == (cycle in BAD)
        if accumulator.abstained:
            assert accumulator.reason is not None
            assert "PS1" in accumulator.reason
            assert "FS1" in accumulator.reason


@pytest.mark.parametrize("component", ["cooler", "valve", "pump"])
def test_the_others_are_diagnosed_throughout(run: Run, component: str) -> None:
    assert [diagnosis.component(component).level for diagnosis in run.diagnoses] == [
        diagnosis.component(component).level for diagnosis in run.diagnoses[:1] * CYCLES
    ]


def test_the_agent_lives_and_its_sources_are_not_blamed(run: Run) -> None:
    assert run.agent.program.running
    assert run.agent.changes("source rig") == []
    assert run.agent.status()["conditions"]["model"]["healthy"]
