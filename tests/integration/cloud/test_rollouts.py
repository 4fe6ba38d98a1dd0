"""A signed model goes to a fleet wave by wave; real boxes take it, refuse it, go back, and the roll-out heeds them."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from cloud_sync.cloud.access.operators import Role
from cloud_sync.cloud.rollout.watch import halt_failing
from edge_runtime.errors import HydrosightError
from edge_runtime.slot_state import SlotAction
from tests.fleet import Fleet, FleetBox
from tests.rig.bad_bundles import changed_weights
from tests.servers.centre import Centre
from tests.servers.file_server import FileServer
from tests.tiny_agent import MACHINE

ADMIN = "/api/v1/admin"


@pytest.fixture(scope="module")
def fleet(module_postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(module_postgres_url, tmp_path_factory.mktemp("fleet"))
    yield fleet
    fleet.close()


def test_before_anything_was_signed_it_says_how_to_bring_it(postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "tuf").mkdir()
    centre = Centre(postgres_url, tmp_path / "centre.log", "--tuf-repository", str(tmp_path / "tuf"))
    try:
        headers = {"Authorization": f"Bearer {centre.operator_token('kim', Role.ADMIN)}"}
        answer = httpx.get(f"{centre.url}{ADMIN}/models", headers=headers)
        assert answer.status_code == 409
        assert "hydrosight-cloud model import" in answer.json()["hint"]
    finally:
        centre.stop()


@pytest.fixture
def model(fleet: Fleet, request: pytest.FixtureRequest) -> str:
    """A model of the test's own, releases 1 and 2 of which are signed."""
    name = request.node.name.removeprefix("test_")[:50]
    for release in (1, 2):
        fleet.publish(fleet.bundle(release, name))
    return name


@pytest.fixture
def boxes(fleet: Fleet, model: str) -> Iterator[list[FleetBox]]:
    """Three boxes that run release 1 of it; their first is the canary."""
    boxes = [fleet.box(f"{model}-{k}", model) for k in range(3)]
    for box in boxes:
        box.diagnose()
    yield boxes
    for box in boxes:
        box.close()


def deploy(
    fleet: Fleet, model: str, boxes: list[FleetBox], version: str = "1.2.0", **plan: object
) -> dict[str, object]:
    asked = {"model": model, "version": version, "canaries": [boxes[0].machine], "waves": [100], "soak_hours": 0}
    answer = fleet.admin.post(f"{ADMIN}/model/deploy", json=asked | plan)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_canary_gets_it_then_the_others_and_then_it_is_done(fleet: Fleet, model: str, boxes: list[FleetBox]) -> None:
    number = deploy(fleet, model, boxes)["id"]
    path = f"{ADMIN}/rollouts/{number}"
    assert [box.check() for box in boxes] == ["1.2.0", "1.1.0", "1.1.0"]
    assert all(box.condition.healthy for box in boxes)

    too_early = fleet.admin.post(f"{path}/advance", json={})
    assert too_early.status_code == 409
    assert "0 of 1 machines run it, 80 % must" in too_early.json()["detail"]
    assert "rollout status" in too_early.json()["hint"]

    boxes[0].diagnose()
    assert fleet.admin.get(path).json()["judgement"]["against_next"] == []
    assert fleet.admin.post(f"{path}/advance", json={}).json()["wave"] == 1
    assert [box.check() for box in boxes] == ["1.2.0"] * 3
    assert fleet.admin.get(path).json()["stages"]["1.2.0"]["offered"] == 2

    for box in boxes:
        box.diagnose()
    assert fleet.admin.post(f"{path}/advance", json={}).json()["state"] == "done"

    newcomer = fleet.box(f"{model}-new", model)
    assert newcomer.check() == "1.2.0"
    newcomer.close()
    (listed,) = [
        one for one in fleet.admin.get(f"{ADMIN}/models").json() if (one["name"], one["release"]) == (model, 2)
    ]
    assert (listed["machines"], listed["rollout"], listed["state"]) == (3, number, "done")


def test_a_model_that_boxes_refuse_goes_no_further(fleet: Fleet, model: str, boxes: list[FleetBox]) -> None:
    bad = changed_weights(fleet.folder / f"{model}-bad", machine=MACHINE, release=3)
    manifest = json.loads((bad / "manifest.json").read_text())
    (bad / "manifest.json").write_text(json.dumps(manifest | {"name": model}))
    fleet.publish(bad)
    number = deploy(fleet, model, boxes, "3.0.0")["id"]

    assert [box.check() for box in boxes] == ["1.1.0"] * 3
    assert boxes[0].models.slots.state.history[-1].action is SlotAction.REJECTED

    path = f"{ADMIN}/rollouts/{number}"
    status = fleet.admin.get(path).json()
    assert [(one["machine"], one["stage"]) for one in status["machines"]] == [(boxes[0].machine, "failed")]
    assert "golden" in status["machines"][0]["reason"]
    refused = fleet.admin.post(f"{path}/advance", json={})
    assert refused.status_code == 409
    assert f"1 of 1 machines failed ({boxes[0].machine}), 5 % may" in refused.json()["detail"]

    shown = fleet.command("rollout", "status", str(number))
    assert shown.exit_code == 0
    assert "The next wave stays closed: 1 of 1 machines failed" in shown.stdout

    asyncio.run(halt(fleet))
    halted = fleet.admin.get(path).json()["rollout"]
    assert (halted["state"], halted["reason"].partition(" (")[0]) == ("paused", "halted: 1 of 1 machines failed")
    assert fleet.admin.get("/api/v1/audit").json()[0]["who"] == "centre"

    assert fleet.admin.post(f"{path}/activate").json()["known_failures"] == [boxes[0].machine]
    asyncio.run(halt(fleet))
    assert fleet.admin.get(path).json()["rollout"]["state"] == "active"


def test_what_a_box_says_amiss_keeps_no_roll_out_from_being_watched(
    fleet: Fleet, model: str, boxes: list[FleetBox]
) -> None:
    path = f"{ADMIN}/rollouts/{deploy(fleet, model, boxes)['id']}"
    document = json.dumps({"model": {"name": model}})  # without a version
    with psycopg.connect(fleet.centre.database_url) as owner:
        owner.execute(
            "INSERT INTO alerts (machine, id, state, time, component, kind, severity, message, document) "
            "VALUES (%s, 'x', 'raised', now(), 'box', 'model-update', 'warning', '[/no] [markup]', %s)",
            (boxes[0].machine, document),
        )

    assert fleet.admin.get(path).json()["machines"][0]["stage"] == "waiting"
    asyncio.run(halt(fleet))
    assert fleet.admin.post(f"{path}/pause", json={"reason": "a [/no] in it"}).status_code == 200
    shown = fleet.command("rollout", "status", path.rpartition("/")[2])
    assert "a [/no] in it" in shown.stdout


async def halt(fleet: Fleet) -> None:
    """What every server does every few minutes."""
    async with await psycopg.AsyncConnection.connect(fleet.centre.database_url, autocommit=True) as connection:
        await halt_failing(connection)


def test_a_model_that_boxes_give_up_is_rolled_back_with_its_old_content_as_a_higher_release(
    fleet: Fleet, model: str, boxes: list[FleetBox]
) -> None:
    number = deploy(fleet, model, boxes, waves=[100], canaries=[])["id"]
    path = f"{ADMIN}/rollouts/{number}"
    assert [box.check() for box in boxes] == ["1.2.0"] * 3
    boxes[0].fall_back("loses windows")
    assert [box.check() for box in boxes] == ["1.1.0", "1.2.0", "1.2.0"]

    older = fleet.admin.post(f"{path}/roll-back", json={"reason": "loses windows", "to": "1.1.0"})
    assert older.status_code == 409
    assert f"hydrosight-cloud model roll-back {model} --to 1.1.0 --as NEW" in older.json()["hint"]
    assert fleet.admin.get(path).json()["rollout"]["state"] == "active"

    fleet.registry.roll_back(model, to="1.1.0", version="1.1.1", keys=fleet.keys, now=datetime.now(UTC))
    for box in boxes:
        for _ in range(2):
            box.diagnose()
    put_right = fleet.admin.post(f"{path}/roll-back", json={"reason": "loses windows", "to": "1.1.1"}).json()

    assert (put_right["version"], put_right["state"], put_right["waves"]) == ("1.1.1", "active", [100])
    assert [box.check() for box in boxes] == ["1.1.1"] * 3
    assert fleet.admin.get(path).json()["rollout"] | {"reason": ""} != put_right
    acts = fleet.admin.get("/api/v1/audit", params={"limit": 4}).json()
    assert [act["act"] for act in reversed(acts)][-3:] == ["rollout roll back", "rollout plan", "rollout start"]
    assert {act["who"] for act in acts} == {"kim"}


def test_two_versions_are_compared(fleet: Fleet, model: str, boxes: list[FleetBox]) -> None:
    fleet.publish(fleet.bundle(3, model))
    number = deploy(fleet, model, boxes, "1.3.0", against="1.2.0", split=50, canaries=[])["id"]

    sides = [box.check() for box in boxes]
    assert set(sides) == {"1.2.0", "1.3.0"}
    for box in boxes:
        box.diagnose(level="1")
        box.diagnose(level="2")
    assert sides == [box.check() for box in boxes]

    now = datetime.now(UTC)
    span = {"start": f"{now - timedelta(hours=1):%FT%TZ}", "end": f"{now + timedelta(hours=1):%FT%TZ}"}
    found = {"condition": "pump", "level": "2", **span}
    assert fleet.admin.post(f"/api/v1/machines/{boxes[0].machine}/labels", json=found).status_code == 201

    said = fleet.admin.get(f"{ADMIN}/rollouts/{number}/comparison").json()
    assert [one["version"] for one in said["versions"]] == ["1.2.0", "1.3.0"]
    assert {one["version"]: one["machines"] for one in said["versions"]} == Counter(sides)
    assert sum(one["windows"] for one in said["versions"]) == 6
    assert all(one["abstention"]["value"] == 0.5 for one in said["versions"])
    assert all(one["confidence"]["value"] == pytest.approx(0.9) for one in said["versions"])
    labelled = {one["version"]: one["agreement"] for one in said["versions"]}[sides[0]]
    assert (labelled["value"], labelled["count"], labelled["machines"]) == (0.5, 2, 1)
    assert "5 are needed" in said["verdicts"]["1.2.0"]["abstention"]

    shown = fleet.command("rollout", "compare", str(number)).stdout
    assert "not judged against 1.2.0: can't be told" in shown


def test_without_a_centre_that_answers_boxes_stay_with_what_they_run(
    fleet: Fleet, model: str, boxes: list[FleetBox]
) -> None:
    deploy(fleet, model, boxes)
    fleet.centre.kill()
    try:
        assert boxes[0].check() == "1.1.0"
        assert not boxes[0].condition.healthy
        assert boxes[0].condition.hint
    finally:
        fleet.centre.start()
    assert boxes[0].check() == "1.2.0"


def test_with_a_centre_from_before_roll_outs_a_box_stays_with_what_it_runs(
    fleet: Fleet, model: str, tmp_path: Path
) -> None:
    (tmp_path / "tuf").symlink_to(fleet.folder / "repository")
    with FileServer(tmp_path) as old_centre:
        box = fleet.box(model, model, asks=old_centre.url)
        assert box.check() == "1.1.0"
        assert "doesn't say which model is for this box" in box.condition.message
        assert "Upgrade the centre" in box.condition.hint
        box.close()


def test_what_is_not_signed_or_lower_than_the_fleet_has_is_not_rolled_out(
    fleet: Fleet, model: str, boxes: list[FleetBox]
) -> None:
    asked = {"model": model, "version": "9.9.9"}
    unsigned = fleet.admin.post(f"{ADMIN}/model/deploy", json=asked)
    assert (unsigned.status_code, "model publish" in unsigned.json()["hint"]) == (422, True)

    number = deploy(fleet, model, boxes, canaries=[], min_running=0)["id"]
    assert fleet.admin.post(f"{ADMIN}/model/deploy", json=asked | {"version": "1.1.0"}).status_code == 409
    assert fleet.admin.post(f"{ADMIN}/rollouts/{number}/advance", json={"anyway": "a test"}).json()["state"] == "done"
    lower = fleet.admin.post(f"{ADMIN}/model/deploy", json=asked | {"version": "1.1.0"})
    assert lower.status_code == 409
    assert "boxes never go to a lower one" in lower.json()["detail"]


def test_a_viewer_looks_and_does_not_touch(fleet: Fleet, model: str, boxes: list[FleetBox]) -> None:
    number = deploy(fleet, model, boxes)["id"]
    said = json.loads(fleet.command("operator", "create", f"viewer of {model}", "--json").stdout)
    viewer = {"Authorization": f"Bearer {said['token']}"}

    for path in (f"{ADMIN}/models", f"{ADMIN}/rollouts", f"{ADMIN}/rollouts/{number}"):
        assert fleet.admin.get(path, headers=viewer).status_code == 200
    for path, body in (
        (f"{ADMIN}/model/deploy", {"model": model, "version": "1.2.0"}),
        (f"{ADMIN}/rollouts/{number}/advance", {}),
        (f"{ADMIN}/rollouts/{number}/pause", {"reason": "no"}),
        (f"{ADMIN}/rollouts/{number}/roll-back", {"reason": "no"}),
    ):
        assert fleet.admin.post(path, json=body, headers=viewer).status_code == 403
    assert fleet.admin.get(f"{ADMIN}/rollouts/999999").status_code == 404


def test_the_commands_do_the_same(fleet: Fleet, model: str, boxes: list[FleetBox]) -> None:
    def run(*arguments: str) -> dict[str, Any]:
        done = fleet.command("rollout", *arguments, "--json")
        assert done.exit_code == 0, done.exception
        return json.loads(done.stdout)

    def refused(*arguments: str) -> HydrosightError:
        error = fleet.command("rollout", *arguments).exception
        assert isinstance(error, HydrosightError)
        return error

    planned = run("start", model, "1.2.0", "--waves", "50, 100", "--canary", boxes[0].machine, "--planned")["rollout"]
    number = str(planned["id"])
    assert (planned["state"], planned["waves"], planned["canaries"]) == ("planned", [50, 100], [boxes[0].machine])
    assert run("resume", number)["rollout"]["state"] == "active"
    assert "80 % must" in str(early := refused("advance", number))
    assert "--anyway" in early.hint
    assert run("advance", number, "--anyway", "a test")["rollout"]["wave"] == 1
    assert run("pause", number, "--reason", "lunch")["rollout"]["reason"] == "lunch"
    assert f"rollout resume {number}" in fleet.command("rollout", "status", number).stdout
    assert "rolled back (no good)" in fleet.command("rollout", "roll-back", number, "--reason", "no good").stdout
    assert "no good" in fleet.command("rollout", "status").stdout

    for wrong in (("1.2.0", "--waves", "100,50"), ("1.2.0", "--split", "50"), ("1.2",), ("1.2.0", "--waves", "a")):
        assert refused("start", model, *wrong).exit_code == 2
    assert "is not signed" in str(refused("start", model, "9.9.9"))
