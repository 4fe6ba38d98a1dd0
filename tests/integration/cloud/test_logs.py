"""What a server logs: a line of JSON each, one for each request, and no secret whatever is sent."""

import json
from datetime import datetime

import httpx

from cloud_sync.trace import traceparent
from cloud_sync.wire import Enrolment
from tests.integration.cloud.conftest import send
from tests.servers.batches import make_batch
from tests.servers.centre import Centre

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def lines(centre: Centre) -> list[dict[str, object]]:
    return [json.loads(line) for line in centre.log.splitlines()]


def test_every_request_is_a_line_with_its_trace_route_status_and_duration(
    centre: Centre, box: Enrolment, operator: httpx.Client
) -> None:
    operator.get("/api/v1/machines/rig/alerts?limit=3", headers={"traceparent": traceparent(TRACE)})
    operator.get("/api/v1/machines/nobody/alerts")
    operator.get("/nowhere/at-all")
    operator.get("/health/live")

    requests = [line for line in lines(centre) if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        ("POST", "/api/v1/enrol", 200),
        ("GET", "/api/v1/machines/{machine}/alerts", 200),
        ("GET", "/api/v1/machines/{machine}/alerts", 404),
        ("GET", "", 404),
    ]
    assert requests[1]["trace_id"] == TRACE
    assert all(isinstance(line["duration_ms"], float) for line in requests)


def test_every_line_says_when_how_grave_and_from_where(centre: Centre, box: Enrolment) -> None:
    assert send(centre.url, box.credential, b"nonsense").status_code == 400
    for line in lines(centre):
        assert datetime.fromisoformat(str(line["timestamp"])).tzinfo is not None
        assert line["level"] in {"info", "warning", "error"}
        assert line["logger"]


def test_no_secret_is_logged(centre: Centre, operator: httpx.Client) -> None:
    token, spent = centre.token("rig"), centre.token("press")
    enrolled = httpx.post(
        f"{centre.url}/api/v1/enrol", json={"token": token, "machine": "rig", "agent_version": "1"}
    ).json()
    httpx.post(f"{centre.url}/api/v1/enrol", json={"token": spent, "machine": "rig", "agent_version": "1"})
    assert send(centre.url, enrolled["credential"], make_batch("rig", 0)).status_code == 200
    send(centre.url, enrolled["credential"] + "x", make_batch("rig", 0))
    httpx.post(f"{centre.url}/api/v1/credential/rotate", headers={"Authorization": f"Bearer {enrolled['credential']}"})
    reading = operator.headers["authorization"].partition(" ")[2]
    httpx.get(f"{centre.url}/api/v1/{reading}", params={"token": reading})
    httpx.get(f"{centre.url}/api/v1/machines/{reading}", headers={"Authorization": reading})

    for secret in (token, spent, enrolled["credential"], reading):
        assert secret.rpartition("_")[0], "what is looked for has a random part"
        assert secret.partition("_")[2].partition("_")[2] not in centre.log
    assert "postgresql://" not in centre.log
