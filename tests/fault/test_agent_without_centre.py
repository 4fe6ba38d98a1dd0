"""The database, the centre or the credential fails while a box syncs: said once, healed by itself, nothing lost."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.agent import Agent, Change
from tests.rig.arrived import accepted, arrived, pending, stored
from tests.rig.program import STARTS
from tests.rig.recordings import unbroken, write
from tests.rig.rig import MACHINE_NAME, Rig, enrol_at
from tests.rig.until import until
from tests.servers.centre import Centre
from tests.servers.postgres import PostgresServer, fresh_database

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@dataclass(frozen=True)
class Plant:
    """A box that syncs while its machine runs round after round."""

    agent: Agent
    centre: Centre
    database: PostgresServer
    folder: Path

    def new_windows(self, count: int) -> None:
        """Wait until so many more windows are recorded."""
        so_far = self.agent.windows()
        until(lambda: self.agent.windows() >= so_far + count, f"{count} more windows are recorded")

    def changes(self) -> list[Change]:
        """What the box has said about the centre."""
        return self.agent.changes("centre")

    def enrol(self) -> None:
        """Get a credential the way a fitter does."""
        token = self.folder / "token"
        token.touch(mode=0o600)
        token.write_text(self.centre.token(MACHINE_NAME))
        subprocess.run(
            [sys.executable, "-c", STARTS.format(module="agent.cli.main"), "enrol", "-c", self.agent.config,
             "--token-file", token],
            check=True, timeout=60, stdout=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture(scope="module")
def plant(_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("plant")
    with fresh_database(_postgres.url) as database_url, Rig(folder / "rig") as rig:
        agent, centre = rig.agent(), rig.centre(database_url, retry_after_s="1")
        enrol_at(centre, agent)
        agent.start()
        rig.simulator.start(write(folder / "recording", unbroken(8)), once=False)
        until(lambda: accepted(database_url).windows >= 1, "the first window is at the centre")
        yield Plant(agent, centre, _postgres, folder)
        rig.simulator.kill()


@pytest.fixture
def since(plant: Plant) -> int:
    """How much had been said about the centre before this test; all was well then."""
    until(lambda: plant.agent.status()["conditions"]["centre"]["healthy"], "the centre is in use")
    return len(plant.changes())


def assert_said_once(plant: Plant, since: int) -> None:
    wrong, over = plant.changes()[since:]
    assert (wrong.healthy, over.healthy) == (False, True)
    assert wrong.message
    assert wrong.hint


def assert_everything_arrives(plant: Plant) -> None:
    """All that is recorded by now; the box goes on recording meanwhile."""
    with plant.agent.store() as store:
        records = stored(store)
    until(lambda: records.diagnoses.keys() <= arrived(plant.centre.database_url).diagnoses.keys(), "diagnoses arrive")
    until(lambda: records.windows.keys() <= arrived(plant.centre.database_url).windows.keys(), "windows arrive")
    there = arrived(plant.centre.database_url)
    assert {key: there.diagnoses[key] for key in records.diagnoses} == records.diagnoses
    assert {key: there.windows[key] for key in records.windows} == records.windows


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_database_goes_and_comes_back(plant: Plant, since: int, end: str) -> None:
    getattr(plant.database, end)()
    until(lambda: len(plant.changes()) > since, "the box notices")
    plant.new_windows(2)
    plant.database.start()
    until(lambda: len(plant.changes()) > since + 1, "the box notices that it is back")
    assert_everything_arrives(plant)
    assert_said_once(plant, since)


def test_the_centre_is_killed_and_comes_back(plant: Plant, since: int) -> None:
    plant.centre.kill()
    until(lambda: len(plant.changes()) > since, "the box notices")
    plant.new_windows(2)
    plant.centre.start()
    until(lambda: len(plant.changes()) > since + 1, "the box notices that it is back")
    assert_everything_arrives(plant)
    assert_said_once(plant, since)
    assert plant.centre.url in plant.changes()[since].message


def test_a_revoked_credential_is_said_once_and_a_new_enrolment_heals_it_without_a_restart(
    plant: Plant, since: int
) -> None:
    assert plant.centre.run("machine", "revoke", MACHINE_NAME).returncode == 0
    until(lambda: len(plant.changes()) > since, "the box notices")
    plant.new_windows(2)
    with plant.agent.store() as store:
        assert pending(store) > 0
    plant.enrol()
    until(lambda: len(plant.changes()) > since + 1, "the box notices its new credential")
    assert_everything_arrives(plant)
    assert_said_once(plant, since)
    assert "enrol" in plant.changes()[since].hint


@pytest.mark.parametrize("content", [None, b'{"agent": "a", "machine": "zema", "credential": "x"}'])
def test_a_missing_or_unknown_credential_heals_likewise(plant: Plant, since: int, content: bytes | None) -> None:
    file = plant.agent.data / "credential.json"
    good = file.read_bytes()
    file.unlink() if content is None else file.write_bytes(content)
    until(lambda: len(plant.changes()) > since, "the box notices")
    plant.new_windows(1)
    file.touch(mode=0o600)
    file.write_bytes(good)
    until(lambda: len(plant.changes()) > since + 1, "the box notices that it is mended")
    assert_everything_arrives(plant)
    assert_said_once(plant, since)
    assert plant.changes()[since].hint


def test_after_all_that_nothing_was_taken_twice(plant: Plant) -> None:
    """A record in two batches would count twice; one that was read between the two queries counts for neither."""
    before = arrived(plant.centre.database_url)
    taken = accepted(plant.centre.database_url)
    after = arrived(plant.centre.database_url)
    assert len(before.diagnoses) <= taken.diagnoses <= len(after.diagnoses)
