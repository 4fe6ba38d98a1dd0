"""Settings published at a real centre, on a running box: kept when the sources stand them, taken back when not."""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from agent.remote.trial import Trial
from agent.remote.trial_file import TrialFile
from cloud_sync.cloud.registry.keys import Keys, create_keys
from cloud_sync.cloud.registry.models import Registry
from demo.process import free_port
from edge_runtime.alert import AlertState
from tests.rig.agent import Agent
from tests.rig.arrived import arrived
from tests.rig.listener import Listener
from tests.rig.recordings import unbroken, write
from tests.rig.rig import MACHINE_NAME, Rig, enrol_at
from tests.rig.until import until
from tests.servers.centre import Centre

pytestmark = [pytest.mark.servers, pytest.mark.slow]

PUBLISHED = ("FS1", "FS2", "VS1", "CE", "CP", "SE")


class Plant:
    """A box that asks for settings every second while its machine runs."""

    def __init__(self, folder: Path, rig: Rig, centre: Centre, agent: Agent, database_url: str) -> None:
        self.folder = folder
        self.centre = centre
        self.agent = agent
        self.listener: Listener = rig.listener()
        self.database_url = database_url

    def publish(self, **sections: Any) -> int:
        """Publish a document as the operator does; its version."""
        file = self.folder / "document.yaml"
        file.write_text(yaml.safe_dump(sections))
        at = ("--repository", str(self.folder / "registry"), "--keys", str(self.folder / "keys"))
        done = self.centre.run("settings", "publish", str(file), "--machine", MACHINE_NAME, *at, "--json")
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout)["version"])

    @property
    def trial(self) -> Trial:
        return TrialFile(self.agent.data / "settings" / "trial.json").read()

    def in_force(self, version: int | None) -> bool:
        trial = self.trial
        return (trial.active and trial.active.version) == version and trial.probation is None

    def alerts(self) -> list[tuple[str, AlertState]]:
        """What the broker was told about settings."""
        return [(alert.message, alert.state) for alert in self.listener.alerts if alert.component == "box"]


@pytest.fixture
def plant(postgres_url: str, tmp_path: Path) -> Iterator[Plant]:
    create_keys(tmp_path / "keys")
    registry = Registry.create(tmp_path / "registry", Keys(tmp_path / "keys"), now=datetime.now(UTC))
    with Rig(tmp_path / "rig") as rig:
        agent = rig.agent()
        centre = rig.centre(postgres_url, "--tuf-repository", str(tmp_path / "registry"))
        enrol_at(centre, agent)
        agent.settings["model"] |= {"trust_root": str(registry.root_path), "check_interval_s": 1}
        agent.settings["remote_settings"] = {"probation_s": 1, "patience_s": 1}
        plant = Plant(tmp_path, rig, centre, agent, postgres_url)
        agent.start()
        rig.simulator.start(write(tmp_path / "recording", unbroken(8)), once=False)
        until(lambda: agent.status()["readings"] > 1000, "readings arrive")
        yield plant
        rig.simulator.kill()


def test_good_settings_stay_and_bad_ones_go_and_the_operator_hears_of_it(plant: Plant) -> None:
    agent = plant.agent
    good = plant.publish(alerts={"raise_after": 9})
    until(lambda: plant.in_force(good), "the good document is kept")

    dead = deepcopy(agent.settings["sources"])
    dead["modbus"][0]["transport"]["port"] = free_port()
    bad = plant.publish(sources=dead, alerts={"raise_after": 8})
    until(lambda: bad in plant.trial.highest.values(), "the bad document is tried")
    until(lambda: plant.in_force(good), "the good document is back")
    said = f"version {bad} for {MACHINE_NAME} rolled back: source plc at fault for more than 1 s"
    until(lambda: agent.status()["conditions"]["remote settings"]["message"] == said, "the status says why")
    until(plant.alerts, "the broker is told")
    polled = len(agent_series(agent, "PS1"))
    until(lambda: len(agent_series(agent, "PS1")) > polled, "the plc is read again")

    until(lambda: any("box-remote-settings" in str(key) for key in arrived(plant.database_url).alerts), "the centre is")
    agent.kill()
    better = plant.publish(alerts={"raise_after": 7})
    agent.start()
    until(lambda: plant.in_force(better), "the corrected document is kept")
    until(lambda: len(plant.alerts()) > 1, "the broker is told that it is over")
    message = f"settings version {bad} rolled back: source plc at fault for more than 1 s"
    assert plant.alerts() == [(message, AlertState.RAISED), (message, AlertState.CLEARED)]


def agent_series(agent: Agent, sensor: str) -> np.ndarray:
    with agent.store() as store:
        return store.series(0, 2**62)[sensor].times_us


def test_sources_that_a_document_leaves_alone_deliver_every_reading_through_trial_and_way_back(plant: Plant) -> None:
    agent = plant.agent
    dead = deepcopy(agent.settings["sources"])
    dead["modbus"][0]["transport"]["port"] = free_port()
    bad = plant.publish(sources=dead)
    until(lambda: plant.trial.history[-1:] and plant.trial.history[-1].version == bad, "it is tried")
    until(lambda: plant.in_force(None), "the box's own settings are back")
    before = agent.status()["readings"]
    until(lambda: agent.status()["readings"] > before + 500, "readings go on")
    assert agent.stop() == 0
    for sensor in PUBLISHED:
        times_us = agent_series(agent, sensor)
        assert set(np.diff(times_us)) == {1_000_000}


def test_a_kill_on_probation_is_followed_by_the_rest_of_it(plant: Plant) -> None:
    agent = plant.agent
    version = plant.publish(alerts={"raise_after": 9})
    until(lambda: plant.trial.probation, "it is on probation")
    agent.kill()
    agent.start()
    until(lambda: plant.in_force(version), "it is kept")
    events = [(event.version, str(event.action)) for event in plant.trial.history]
    assert events == [(version, "activated"), (version, "confirmed")]
