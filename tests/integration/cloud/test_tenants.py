"""Two tenants at one centre, each with a box and people: neither finds anything of the other by any route."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from cloud_sync.cloud.access.operators import Role
from cloud_sync.cloud.access.scope import OperatorScope
from cloud_sync.cloud.cli.main import app
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import Enrolment
from edge_runtime.errors import ConfigurationError
from tests.integration.cloud.conftest import send
from tests.servers.batches import make_batch
from tests.servers.centre import Centre

MACHINES = {"acme": "press-of-acme", "bolt": "mixer-of-bolt"}
NOBODYS = "crane-of-none"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class TwoTenants:
    """A centre with the tenants acme and bolt, and what each has."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.boxes: dict[str, Enrolment] = {}
        with psycopg.connect(centre.database_url) as owner:
            for tenant, machine in MACHINES.items():
                owner.execute("INSERT INTO tenants (name) VALUES (%s)", (tenant,))
                owner.execute("INSERT INTO machines (name, tenant) VALUES (%s, %s)", (machine, tenant))
        for tenant, machine in MACHINES.items():
            box = enrol(Link(centre.url), centre.token(machine), machine, "0.1.0", f"name: {machine}\n")
            assert send(centre.url, box.credential, make_batch(machine, 0)).status_code == 200
            self.boxes[tenant] = box
        with psycopg.connect(centre.database_url) as owner:
            self._what_boxes_seldom_send(owner)
        self.tokens = {tenant: centre.operator_token(tenant, Role.ADMIN, OperatorScope(tenant)) for tenant in MACHINES}

    def ask(self, credential: str, method: str, path: str, **how: Any) -> httpx.Response:
        """One request, always of the same trace."""
        headers = {"Authorization": f"Bearer {credential}", "traceparent": TRACE}
        return httpx.request(method, f"{self.centre.url}{path}", headers=headers, timeout=30, **how)

    @staticmethod
    def _what_boxes_seldom_send(owner: psycopg.Connection) -> None:
        for tenant, machine in MACHINES.items():
            for row in (
                "labels (machine, condition, start_time, end_time, said_by) VALUES (%s, 'v', now(), 'infinity', '')",
                "unknown_fields VALUES (%s, 'batch', 'k', 9, now(), '{n}', '\\x80')",
                "misdated_records VALUES (%s, 'window', '', now(), now(), now(), 'ahead', '{}', '{}', '')",
            ):
                owner.execute(f"INSERT INTO {row}".encode(), (machine,))
            owner.execute("INSERT INTO audit (who, act, subject, tenant) VALUES ('', '', %s, %s)", (machine, tenant))
        owner.execute(
            "INSERT INTO rollouts (model, version, split, canaries, waves, soak_hours, max_failed, min_running, "
            "silent_hours, created_by) VALUES ('m', '1.0.0', 100, %s, '{100}', 1, 1, 1, 1, 'x')",
            (list(MACHINES.values()),),
        )


@pytest.fixture(scope="module")
def tenants(module_postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoTenants]:
    centre = Centre(module_postgres_url, tmp_path_factory.mktemp("centre") / "centre.log")
    try:
        yield TwoTenants(centre)
    finally:
        centre.stop()


class Operation:
    """One operation of the OpenAPI document, asked about some machine."""

    def __init__(self, document: dict[str, Any], method: str, path: str) -> None:
        self._document = document
        self._said = document["paths"][path][method]
        self.method = method.upper()
        self.path = path

    @property
    def about_a_machine(self) -> bool:
        """Whether the request names one."""
        return NOBODYS in json.dumps(self.request(NOBODYS))

    def request(self, machine: str) -> dict[str, Any]:
        """What it takes: all that is required, and the machine's name wherever there is a place for one."""
        path, query = self.path, {}
        for item in self._said.get("parameters", ()):
            name = item["name"]
            value = self._example(name, item["schema"], machine)
            if item["in"] == "path":
                path = path.replace(f"{{{name}}}", str(value))
            elif item["in"] == "query" and (item.get("required") or "machine" in name):
                query[name] = value
        content = self._said.get("requestBody", {}).get("content", {}).get("application/json")
        body = None if content is None else self._example("", content["schema"], machine)
        return {"method": self.method, "path": path, "params": query, "json": body}

    def _example(self, name: str, schema: dict[str, Any], machine: str) -> Any:
        if "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        schema = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)
        match schema.get("type"):
            case "object":
                named = {
                    key: value
                    for key, value in schema.get("properties", {}).items()
                    if key in schema.get("required", ()) or "machine" in key
                }
                return {key: self._example(key, value, machine) for key, value in named.items()}
            case "array":
                return [self._example(name, schema["items"], machine)]
            case "integer" | "number":
                return 1
            case "string" if "machine" in name:
                return machine
            case "string" if schema.get("format") == "date-time":
                return "2026-01-02T00:00:00Z" if name == "end" else "2026-01-01T00:00:00Z"
            case _:
                return schema.get("enum", ["rig"])[0]


@pytest.fixture(scope="module")
def operations(tenants: TwoTenants) -> list[Operation]:
    document = httpx.get(f"{tenants.centre.url}/openapi.json").json()
    return [
        Operation(document, method, path) for path, methods in sorted(document["paths"].items()) for method in methods
    ]


def test_anothers_machine_looks_like_one_that_there_is_not(tenants: TwoTenants, operations: list[Operation]) -> None:
    """By every operation that names a machine, whatever its method."""

    def answer(tenant: str, operation: Operation, machine: str) -> tuple[int, str]:
        said = tenants.ask(tenants.tokens[tenant], **operation.request(machine))
        return said.status_code, said.text.replace(machine, "MACHINE")

    leaks, shown = [], []
    for operation in (one for one in operations if one.about_a_machine):
        none = answer("bolt", operation, NOBODYS)
        if answer("bolt", operation, MACHINES["acme"]) != none:
            leaks.append(operation.path)
        if answer("bolt", operation, MACHINES["bolt"]) != none:
            shown.append(operation.path)
    assert leaks == []
    assert len(shown) >= 12, "machines of one's own are shown"


def test_lists_name_nothing_of_another_tenant(tenants: TwoTenants, operations: list[Operation]) -> None:
    of_centre = tenants.centre.operator_token("centre", Role.ADMIN, OperatorScope(None))
    seen: dict[str, set[str]] = {tenant: set() for tenant in MACHINES}
    all_of_them = set()
    for operation in (one for one in operations if one.method == "GET" and not one.about_a_machine):
        request = operation.request("")
        for asking, credential in (("bolt", tenants.tokens["bolt"]), ("bolt", tenants.boxes["bolt"].credential)):
            text = tenants.ask(credential, **request).text
            assert "acme" not in text, f"{asking} got {operation.path}"
            if MACHINES[asking] in text:
                seen[asking].add(operation.path)
        if "acme" in tenants.ask(of_centre, **request).text:
            all_of_them.add(operation.path)
    assert seen["bolt"] >= {"/api/v1/machines", "/api/v1/audit", "/api/v1/ledger"}
    assert all_of_them >= {"/api/v1/machines", "/api/v1/audit", "/api/v1/admin/rollouts"}


def test_a_box_can_not_send_anything_about_another_tenants_machine(tenants: TwoTenants) -> None:
    with psycopg.connect(tenants.centre.database_url) as owner:
        count = "SELECT (SELECT count(*) FROM windows), (SELECT count(*) FROM alerts), (SELECT count(*) FROM receipts)"
        before = owner.execute(count).fetchone()
        refused = send(tenants.centre.url, tenants.boxes["bolt"].credential, make_batch(MACHINES["acme"], 7))
        assert refused.status_code == 403
        assert owner.execute(count).fetchone() == before


def test_requests_that_share_a_connection_share_nothing_else(tenants: TwoTenants) -> None:
    """Both tenants in turns: one request after the other takes the same connection of the pool."""

    for tenant in list(MACHINES) * 4:
        (machine,) = tenants.ask(tenants.tokens[tenant], "GET", "/api/v1/machines").json()
        assert machine["machine"] == MACHINES[tenant]


def test_a_token_for_some_machines_shows_those(tenants: TwoTenants) -> None:
    token = tenants.centre.operator_token("fitter", scope=OperatorScope(None, (MACHINES["bolt"],)))

    (machine,) = tenants.ask(token, "GET", "/api/v1/machines").json()

    assert machine["machine"] == MACHINES["bolt"]
    assert tenants.ask(token, "GET", f"/api/v1/machines/{MACHINES['acme']}").status_code == 404
    assert tenants.ask(token, "GET", "/api/v1/admin/rollouts").status_code == 403


def test_who_machines_and_people_belong_to_is_said_by_command(postgres_url: str) -> None:
    environment = {"HYDROSIGHT_DATABASE_URL": postgres_url, "COLUMNS": "200"}

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, arguments, env=environment)
        if code == 0:
            assert done.exit_code == 0, done.exception
            return done.output
        assert isinstance(done.exception, ConfigurationError), done.output
        return f"{done.exception} {done.exception.hint}"

    assert "tenant add acme" in run("enroll", "press", "--tenant", "acme", code=2)
    assert "enroll MACHINE --tenant acme" in run("tenant", "add", "acme")
    assert "there is a tenant" in run("tenant", "add", "acme", code=2)
    assert "can't be a tenant's name" in run("tenant", "add", "*", code=2)
    run("enroll", "press", "--tenant", "acme")
    assert "tenant move press default" in run("enroll", "press", "--tenant", "default", code=2)
    assert "of tenant default" in run("operator", "create", "kim", "--machine", "press", code=2)
    run("operator", "create", "kim", "--tenant", "acme", "--machine", "press")
    run("operator", "create", "root", "--role", "admin", "--all-tenants")
    assert [
        (one["name"], one["machines"], one["operators"]) for one in json.loads(run("tenant", "list", "--json"))
    ] == [
        ("acme", 1, 1),
        ("default", 0, 0),
    ]
    assert "press of tenant acme" in run("operator", "list")
    assert "tenant" not in run("fleet")
    run("enroll", "mixer")
    assert "tenant" in run("fleet")
    assert "mixer is acme's now, not default's" in run("tenant", "move", "mixer", "acme")
    assert "already" in run("tenant", "move", "mixer", "acme")
    acts = [(act["act"], act["subject"], act["tenant"]) for act in json.loads(run("audit", "--json"))]
    assert acts[:3] == [
        ("tenant move", "mixer", "acme"),
        ("tenant move", "mixer", "default"),
        ("enroll", "mixer", "default"),
    ]
    assert ("operator create (admin)", "root", None) in acts
    assert ("operator create (viewer)", "kim", "acme") in acts
