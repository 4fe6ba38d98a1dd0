"""Roles, expiry and the audit: who may what, and who did what."""

import json
from collections.abc import Callable

import httpx
import psycopg
import pytest

from cloud_sync.cloud.access.operators import Role
from tests.integration.cloud.test_labels import said
from tests.servers.centre import Centre

ROLES = ("viewer", "operator", "admin")


@pytest.fixture
def as_role(centre: Centre) -> Callable[[str], dict[str, str]]:
    """Headers of somebody with a role."""
    centre.token("rig")
    return lambda role: {"Authorization": f"Bearer {centre.operator_token(role, Role(role))}"}


@pytest.mark.parametrize(
    ("role", "answers"), [("viewer", (200, 403, 403)), ("operator", (200, 201, 403)), ("admin", (200, 201, 200))]
)
def test_each_role_may_what_those_before_it_may(
    centre: Centre, as_role: Callable[[str], dict[str, str]], role: str, answers: tuple[int, ...]
) -> None:
    with httpx.Client(base_url=centre.url, headers=as_role(role)) as client:
        found = (
            client.get("/api/v1/machines").status_code,
            client.post("/api/v1/machines/rig/labels", json=said("80")).status_code,
            client.get("/api/v1/audit").status_code,
        )
        refused = client.get("/api/v1/audit")
    assert found == answers
    if role != "admin":
        assert "--role admin" in refused.json()["hint"]


def test_a_token_ends(centre: Centre, as_role: Callable[[str], dict[str, str]]) -> None:
    headers = as_role("viewer")
    with psycopg.connect(centre.database_url, autocommit=True) as connection:
        connection.execute("UPDATE operators SET expires_at = now() - INTERVAL '1 second'")

    answer = httpx.get(f"{centre.url}/api/v1/machines", headers=headers)

    assert answer.status_code == 401
    assert "has expired" in answer.json()["detail"]
    assert "(over)" in centre.run("operator", "list").stdout


def test_who_is_in_force(centre: Centre) -> None:
    centre.run("operator", "create", "grafana", "--valid-days", "0")
    centre.run("operator", "create", "kim", "--role", "admin")
    assert json.loads(centre.run("operator", "revoke", "kim", "--json").stdout) == {"revoked": "kim"}
    (only,) = json.loads(centre.run("operator", "list", "--json").stdout)
    assert (only["name"], only["role"], only["expires_at"]) == ("grafana", "viewer", None)
    gone = centre.run("operator", "revoke", "kim")
    assert gone.returncode == 2
    assert "operator list" in gone.stderr


def test_acts_are_listed_with_who_did_them_and_what_failed_is_not(centre: Centre) -> None:
    made = json.loads(centre.run("operator", "create", "admin", "--role", "admin", "--json").stdout)
    headers = {"Authorization": f"Bearer {made['token']}"}
    centre.run("enroll", "press")
    centre.run("machine", "revoke", "press")
    centre.run("agent", "revoke", "nobody")
    centre.run("operator", "revoke", "admin")

    acts = json.loads(centre.run("audit", "--json").stdout)

    assert [(act["act"], act["subject"]) for act in acts] == [
        ("operator revoke", "admin"),
        ("machine revoke", "press"),
        ("enroll", "press"),
        ("operator create (admin)", "admin"),
    ]
    assert all("@" in act["who"] for act in acts)
    assert "machine revoke" in centre.run("audit").stdout
    assert httpx.get(f"{centre.url}/api/v1/audit", headers=headers).status_code == 401
