"""Models that are damaged, refused or fail in use: the box goes on with the last good one and says which."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_sync.cloud.registry.keys import Keys, create_keys
from cloud_sync.cloud.registry.models import Registry
from edge_runtime.bundle import MODEL_FILE
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.machine_file import load_machine
from edge_runtime.slot_state import SlotAction
from edge_runtime.slots import Slots
from tests.models.tiny_bundle import build_tiny_bundle
from tests.rig.agent import HEALTHY, Agent
from tests.rig.bad_bundles import changed_weights, fails_when_much_is_silent
from tests.rig.recordings import CYCLE_US, MACHINE, UNBROKEN_START_US, unbroken, write
from tests.rig.rig import Rig, enrol_at
from tests.rig.until import until
from tests.servers.postgres import PostgresServer, fresh_database

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ZEMA = load_machine(MACHINE)
OVER_MQTT = {"FS1", "FS2", "VS1", "CE", "CP", "SE"}


def damage(bundle: Path) -> None:
    """Flip one bit in the model, as a worn flash does."""
    content = bytearray((bundle / MODEL_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / MODEL_FILE).write_bytes(content)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path / "rig") as rig:
        yield rig


def test_with_a_damaged_model_in_use_the_shipped_one_takes_over(rig: Rig) -> None:
    agent = rig.agent()
    agent.start()
    assert agent.stop() == 0
    damage(agent.data / "models" / "a")
    agent.start()
    (refused,) = agent.said("model_refused")
    assert refused["slot"] == "a"
    assert MODEL_FILE in refused["error"]
    assert agent.status()["conditions"]["model"]["message"] == str(agent.data / "models" / "b")


def test_with_a_damaged_shipped_model_the_one_in_use_goes_on(rig: Rig) -> None:
    agent = rig.agent()
    agent.start()
    assert agent.stop() == 0
    damage(agent.bundle)
    agent.start()
    assert str(agent.bundle) in agent.said("shipped_model_refused")[0]["bundle"]
    assert agent.status()["conditions"]["model"]["message"] == str(agent.data / "models" / "a")


def test_with_no_good_model_at_all_it_says_so_and_ends(rig: Rig) -> None:
    agent = rig.agent()
    damage(agent.bundle)
    agent.configure()
    agent.program.start()
    assert agent.program.wait(30) == 2
    said = " ".join(agent.program.lines)
    assert MODEL_FILE in said
    assert "hint:" in said


@dataclass
class Plant:
    """A box that asks for models every second while its machine runs."""

    rig: Rig
    agent: Agent
    registry: Registry
    keys: Keys
    folder: Path
    releases: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    def publish(self, bundle: Path) -> None:
        """Offer it to the fleet."""
        self.registry.publish(bundle, self.keys, now=datetime.now(UTC))

    @property
    def newest(self) -> Diagnosis:
        """The box's newest diagnosis."""
        with self.agent.store() as store:
            return store.diagnoses(1)[0]

    def another_window(self) -> None:
        """Wait for one more diagnosis than there is now."""
        so_far = self.agent.windows()
        until(lambda: self.agent.windows() > so_far, "another window is recorded")

    @property
    def failed_models(self) -> list[str]:
        """Versions of models that an alert says have failed on the box, and that stands."""
        with self.agent.store() as store:
            return [alert.model.version for alert in store.standing_alerts() if alert.kind == "model-update"]

    @property
    def slots(self) -> Slots:
        """The box's model slots."""
        return Slots(self.agent.data / "models")


@pytest.fixture(scope="module")
def plant(_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("models")
    create_keys(folder / "keys")
    keys = Keys(folder / "keys")
    registry = Registry.create(folder / "registry", keys, now=datetime.now(UTC))
    with fresh_database(_postgres.url) as database_url, Rig(folder / "rig") as rig:
        agent = rig.agent(level_bias=HEALTHY)
        enrol_at(rig.centre(database_url, "--tuf-repository", str(folder / "registry")), agent)
        agent.settings["model"] |= {
            "trust_root": str(registry.root_path),
            "check_interval_s": 1,
            "probation_windows": 1000,
        }
        agent.start()
        rig.simulator.start(write(folder / "recording", unbroken(8)), once=False)
        plant = Plant(rig, agent, registry, keys, folder)
        until(lambda: agent.windows() >= 2, "two windows are recorded")
        yield plant
        rig.simulator.kill()


def test_an_update_that_fails_its_golden_windows_is_refused(plant: Plant) -> None:
    before = plant.newest.model
    release = next(plant.releases)
    plant.publish(changed_weights(plant.folder / str(release), machine=ZEMA, release=release))
    refused = until(lambda: [c for c in plant.agent.changes("model updates") if not c.healthy], "it is refused")
    assert len(refused) == 1
    assert "golden" in refused[0].message
    assert refused[0].hint
    until(lambda: plant.agent.changes("model updates")[-1].healthy, "the next check finds nothing wrong")
    plant.another_window()
    assert plant.newest.model == before
    assert plant.slots.highest_release == release
    assert plant.failed_models == [f"{release}.0.0"]


def test_an_update_that_is_good_takes_over_and_is_named_in_every_diagnosis(plant: Plant) -> None:
    release = next(plant.releases)
    bundle = build_tiny_bundle(
        plant.folder / str(release), machine=ZEMA, version=f"{release}.0.0", release=release, level_bias=HEALTHY
    )
    plant.publish(bundle)
    until(lambda: plant.newest.model.release == release, "the new model diagnoses")
    assert plant.newest.model.version == f"{release}.0.0"
    assert plant.slots.on_probation
    plant.slots.confirm()
    plant.another_window()
    assert plant.newest.model.release == release
    until(lambda: not plant.failed_models, "the alert about the model before is cleared")


def test_an_update_that_fails_on_probation_is_rolled_back_and_no_window_is_lost(plant: Plant) -> None:
    before = plant.newest.model
    release = next(plant.releases)
    plant.publish(fails_when_much_is_silent(plant.folder / str(release), machine=ZEMA, release=release))
    until(lambda: plant.newest.model.release == release, "the new model diagnoses")

    plant.rig.simulator.kill()
    with plant.agent.store() as store:
        newest_us = store.newest_source_time()
    assert newest_us is not None
    next_cycle = (newest_us - UNBROKEN_START_US) // CYCLE_US + 1
    silent = {name: series for name, series in unbroken(4, first=next_cycle).items() if name not in OVER_MQTT}
    plant.rig.simulator.start(write(plant.folder / "silent", silent))
    until(lambda: plant.newest.sensor_faults and plant.newest.model == before, "the former model diagnoses again")
    plant.rig.simulator.finish()

    wrong, over = plant.agent.changes("model")
    assert (wrong.healthy, over.healthy) == (False, True)
    assert "indices" in wrong.message or "Gather" in wrong.message
    event = plant.slots.state.history[-1]
    assert event.action is SlotAction.ROLLED_BACK
    assert event.reason == wrong.message
    until(lambda: plant.failed_models == [f"{release}.0.0"], "an alert names the model that failed")
    with plant.agent.store() as store:
        starts = sorted(window.start_us for window in store.windows(1000))
    assert starts == list(range(starts[0], starts[-1] + 1, CYCLE_US))
    assert len([found for found in plant.agent.said("update_found") if found["release"] == release]) == 1
