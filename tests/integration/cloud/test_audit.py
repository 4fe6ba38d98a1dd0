"""Every act that gives or takes access, rolls a model out or deletes is in the audit, whoever does it."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import psycopg
import pytest

from cloud_sync.cloud.registry.models import Registry
from cloud_sync.wire import Enrolment
from tests.command_tree import commands, program
from tests.fleet import Fleet
from tests.servers.centre import Centre

MODEL = "audited"
LOOKS = {
    "audit", "export", "infer", "serve", "fleet", "diagnoses", "alerts", "db status", "db check", "operator list",
    "tenant list", "label list", "label agreement", "rollout status", "rollout compare", "model list", "settings list",
}  # fmt: skip
OWN_RECORD = {
    "db migrate": "schema_migrations says what was applied when",
    **dict.fromkeys(("label add", "label confirm", "label correct"), "a label says who and when, and is never changed"),
    **dict.fromkeys(
        (
            *("model keys init", "model init", "model publish", "model roll-back", "model withdraw", "model refresh"),
            *("model renew", "model rotate", "settings publish", "settings roll-back"),
        ),
        "signs files, where the keys are",
    ),
}
"""Commands that change something which has a record of its own, and which."""

ACTS = {
    "tenant add": ("acme",),
    "enroll": ("press-1",),
    "operator create": ("lee",),
    "operator revoke": ("lee",),
    "agent revoke": ("AGENT",),
    "machine revoke": ("press-1",),
    "tenant move": ("press-1", "acme"),
    "model import": ("SIGNED",),
    "rollout start": (MODEL, "1.1.0", "--waves", "50,100", "--soak-hours", "0"),
    "rollout pause": ("1",),
    "rollout resume": ("1",),
    "rollout advance": ("1", "--anyway", "a test"),
    "rollout roll-back": ("1", "--reason", "a test"),
    "db prune": (),
}
"""Commands that change something, in an order in which they can, with their arguments."""

ROUTES = {
    ("post", "/api/v1/admin/model/deploy"): {"model": MODEL, "version": "1.1.0", "soak_hours": 0},
    ("post", "/api/v1/admin/rollouts/{number}/pause"): {"reason": "a test"},
    ("post", "/api/v1/admin/rollouts/{number}/activate"): None,
    ("post", "/api/v1/admin/rollouts/{number}/advance"): {"anyway": "a test"},
    ("post", "/api/v1/admin/rollouts/{number}/roll-back"): {"reason": "a test"},
}
"""Routes of people that change something, likewise."""

OTHER_ROUTES = {
    ("post", "/api/v1/enrol"): "a box's, below",
    ("post", "/api/v1/credential/rotate"): "a box's, below",
    ("post", "/api/v1/ingest"): "a box's data, whose receipt says from whom and when",
    ("post", "/api/v1/machines/{machine}/labels"): "a label says who and when, and is never changed",
    ("post", "/api/v1/machines/{machine}/diagnoses/{window_start}/verdicts"): "a label",
    ("post", "/api/v1/inference"): "changes nothing",
    ("post", "/api/v1/batch-inference"): "changes nothing",
}


@pytest.fixture(scope="module")
def fleet(module_postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(module_postgres_url, tmp_path_factory.mktemp("fleet"))
    fleet.publish(fleet.bundle(1, MODEL))
    yield fleet
    fleet.close()


def enrolled(centre: Centre, machine: str) -> tuple[str, Enrolment]:
    """The id of a one-time token, and what a box gets for it."""
    token = centre.token(machine)
    answer = httpx.post(
        f"{centre.url}/api/v1/enrol",
        json={"token": token, "machine": machine, "agent_version": "0.1.0", "machine_file": ""},
    )
    assert answer.status_code == 200, answer.text
    return token.split("_")[1], Enrolment(**answer.json())


def newest(centre: Centre, count: int = 1) -> list[tuple[str, ...]]:
    """Who did what to whom, the last first."""
    with psycopg.connect(centre.database_url) as owner:
        return owner.execute(
            "SELECT who, act, subject, detail, tenant FROM audit ORDER BY id DESC LIMIT %s", (count,)
        ).fetchall()


def test_what_boxes_are_given_and_lose_is_in_the_audit(fleet: Fleet) -> None:
    centre = fleet.centre
    first_token, first = enrolled(centre, "press-7")
    assert newest(centre) == [(f"token {first_token}", "agent enrol", first.agent, "machine press-7", "default")]

    answer = httpx.post(
        f"{centre.url}/api/v1/credential/rotate", headers={"Authorization": f"Bearer {first.credential}"}
    )
    assert answer.status_code == 200
    assert newest(centre) == [(f"agent {first.agent}", "credential rotate", first.agent, "machine press-7", "default")]

    token, second = enrolled(centre, "press-7")
    assert newest(centre, 2) == [
        (f"token {token}", "agent enrol", second.agent, "machine press-7", "default"),
        (f"token {token}", "agent revoke", first.agent, "machine press-7 has another box", "default"),
    ]


def test_a_box_adds_to_the_audit_of_its_tenant_alone_and_sees_none(fleet: Fleet) -> None:
    with psycopg.connect(fleet.centre.database_url) as owner:
        owner.execute("INSERT INTO tenants (name) VALUES ('bolt')")
        owner.execute("INSERT INTO machines (name, tenant) VALUES ('mixer', 'bolt')")
        owner.execute("SET LOCAL ROLE hydrosight_box")
        owner.execute("SET LOCAL hydrosight.machine = 'mixer'")
        add = "INSERT INTO audit (who, act, subject, tenant) VALUES ('box', 'did', 'it', %s)"
        owner.execute(add, ("bolt",))
        for statement, values in ((add, ("default",)), (add, (None,)), ("SELECT FROM audit", ())):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), owner.transaction():
                owner.execute(statement, values)
        owner.rollback()


def test_every_command_that_changes_something_is_in_the_audit(fleet: Fleet) -> None:
    """A new command has to be put in one of the lists."""
    every = {
        path.removeprefix("hydrosight-cloud ") for path, _ in commands(program("hydrosight-cloud"), "hydrosight-cloud")
    }
    assert every == LOOKS | set(OWN_RECORD) | set(ACTS)

    with psycopg.connect(fleet.centre.database_url) as owner:
        owner.execute("INSERT INTO receipts VALUES (%s, 'b', 1, now() - INTERVAL '1 year', 0, 0, 0)", (agent(fleet),))
    for command, arguments in ACTS.items():
        given = (PLACES[word](fleet) if word in PLACES else word for word in arguments)
        done = fleet.command(*command.split(), *given, "--json")
        assert done.exit_code == 0, (command, done.output, done.exception)
        who, act, *_ = newest(fleet.centre)[0]
        assert "@" in who
        assert act.startswith(command.replace("-", " ")), command


def agent(fleet: Fleet) -> str:
    """Id of a box in force."""
    with psycopg.connect(fleet.centre.database_url) as owner:
        if row := owner.execute("SELECT id FROM agents WHERE revoked_at IS NULL").fetchone():
            return str(row[0])
    return enrolled(fleet.centre, "press-7")[1].agent


def signed_elsewhere(fleet: Fleet) -> str:
    """A copy of the repository with one model more."""
    copy = shutil.copytree(fleet.folder / "repository", fleet.folder / "elsewhere")
    Registry(copy).publish(fleet.bundle(2, MODEL), fleet.keys, now=datetime.now(UTC))
    return str(copy)


PLACES = {"AGENT": agent, "SIGNED": signed_elsewhere}


def test_every_route_that_changes_something_is_in_the_audit(fleet: Fleet) -> None:
    """A new route has to be put in one of the lists."""
    paths = fleet.admin.get("/openapi.json").json()["paths"]
    changing = {(method, path) for path, methods in paths.items() for method in methods if method != "get"}
    assert changing == set(ROUTES) | set(OTHER_ROUTES)

    centre_admin = fleet.command("operator", "create", "boss", "--role", "admin", "--all-tenants").stdout.split()[0]
    number = ""
    for (method, path), body in ROUTES.items():
        before = newest(fleet.centre)
        answer = fleet.admin.request(
            method, path.format(number=number), json=body, headers={"Authorization": f"Bearer {centre_admin}"}
        )
        assert answer.is_success, (path, answer.text)
        number = number or str(answer.json()["id"])
        assert newest(fleet.centre) != before, path
        assert newest(fleet.centre)[0][0] == "boss"
