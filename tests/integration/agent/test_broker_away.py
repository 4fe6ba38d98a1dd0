"""The MQTT broker goes and comes back: sensors that publish over it, and alerts that go out over it, lose nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from edge_runtime.alert import AlertState
from tests.rig.agent import FAILED, Agent
from tests.rig.listener import Listener, retained
from tests.rig.recordings import Readings, unbroken, write
from tests.rig.rig import MACHINE_NAME, Rig
from tests.rig.until import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

OVER_MQTT = ("FS1", "FS2", "VS1", "CE", "CP", "SE")
CYCLES = 8


@dataclass(frozen=True)
class Run:
    rig: Rig
    agent: Agent
    listener: Listener
    played: Readings
    windows_without: int


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The broker is stopped before anything is diagnosed, and started when alerts have been raised without it."""
    folder = tmp_path_factory.mktemp("broker")
    played = unbroken(CYCLES)
    recording = write(folder / "recording", played)
    with Rig(folder / "rig") as rig:
        agent, listener = rig.agent(level_bias=FAILED), rig.listener()
        agent.start()
        rig.simulator.start(recording)
        with agent.store() as store:
            until(lambda: "FS1" in store.series(0, 2**62), "messages arrive")
            rig.broker.stop()
            until(lambda: store.statistics().unpublished_alerts >= 4, "alerts are raised without the broker")
            until(lambda: len(agent.changes("alerts broker")) + len(agent.changes("source rig")) >= 2, "it is missed")
            windows_without = agent.windows()
            rig.broker.start()
            rig.simulator.finish()
            until(lambda: agent.windows() >= CYCLES - 1, "the windows are recorded")
            until(lambda: not store.statistics().unpublished_alerts, "the broker has every alert")
            until(lambda: len(store.series(0, 2**62)["SE"]) >= len(played["SE"]), "the last message is stored")
        until(lambda: len(listener.alerts) >= 4, "the listener has every alert")
        yield Run(rig, agent, listener, played, windows_without)


def test_it_diagnoses_without_the_broker(run: Run) -> None:
    assert run.windows_without >= 2


@pytest.mark.parametrize("sensor", OVER_MQTT)
def test_no_message_is_lost(run: Run, sensor: str) -> None:
    with run.agent.store() as store:
        kept = store.series(0, 2**62)[sensor]
    assert kept.times_us.tolist() == run.played[sensor].times_us.tolist()
    np.testing.assert_array_equal(kept.values, run.played[sensor].values)


@pytest.mark.parametrize("part", ["source rig", "alerts broker"])
def test_it_is_said_once_that_the_broker_is_away_and_once_that_it_is_back(run: Run, part: str) -> None:
    away, back = run.agent.changes(part)
    assert not away.healthy
    assert str(run.rig.broker.port) in away.message
    assert away.hint
    assert back.healthy


def test_every_alert_that_was_raised_meanwhile_arrives_once(run: Run) -> None:
    raised = [alert for alert in run.listener.alerts if alert.severity != "check_function"]
    assert sorted(alert.component for alert in raised) == ["accumulator", "cooler", "pump", "valve"]
    assert {alert.state for alert in raised} == {AlertState.RAISED}


def test_it_is_online_again_for_all_to_see(run: Run) -> None:
    kept = retained(run.rig.broker.port, at_least=6)
    assert kept[f"hydrosight/{MACHINE_NAME}/status"] == "online"
    assert run.agent.program.running
