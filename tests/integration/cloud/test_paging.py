"""Whoever follows `Link` through a list sees every entry once, whatever the list is of."""

import json
from datetime import datetime

import httpx
import pytest

from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import Batch, Enrolment
from tests.integration.cloud.conftest import send
from tests.servers.batches import MINUTE_US, START_US, gap, make_batch, time_of
from tests.servers.centre import Centre

MACHINE = "/api/v1/machines/rig"


@pytest.fixture
def filled(centre: Centre, box: Enrolment, operator: httpx.Client) -> None:
    """Five batches of two windows, three gaps at one moment, five labels, five machines with a box each."""
    for number in range(5):
        assert send(centre.url, box.credential, make_batch("rig", number)).status_code == 200
    together = tuple(gap("rig", number, START_US - MINUTE_US) for number in range(5, 8))
    assert send(centre.url, box.credential, Batch("boot-1", 5, gaps=together)).status_code == 200
    span = {"start": time_of(START_US).isoformat(), "end": time_of(START_US + MINUTE_US).isoformat()}
    for level in "12345":
        said = {"condition": "pump", "level": level, **span}
        assert operator.post(f"{MACHINE}/labels", json=said).status_code == 201
    for name in "abcd":
        enrol(Link(centre.url), centre.token(name), name, "0.1.0", "")


def pages(client: httpx.Client, path: str, limit: int) -> list[list[dict[str, object]]]:
    """All pages, by `Link` alone."""
    found, response = [], client.get(path, params={"limit": limit})
    while True:
        assert response.status_code == 200, response.text
        found.append(response.json())
        if "next" not in response.links:
            return found
        assert len(found) < 20, "it goes round in circles"
        response = client.get(response.links["next"]["url"])


@pytest.mark.usefixtures("filled")
def test_every_list_is_gone_through_once_and_takes_no_time_without_a_zone(operator: httpx.Client) -> None:
    for path, key, count in (
        ("/api/v1/machines", "machine", 5),
        ("/api/v1/agents", "id", 5),
        (f"{MACHINE}/diagnoses", "window_start", 10),
        (f"{MACHINE}/windows", "start", 10),
        (f"{MACHINE}/alerts", "id", 5),
        (f"{MACHINE}/gaps", "number", 8),
        (f"{MACHINE}/clock-steps", "number", 5),
        (f"{MACHINE}/labels", "id", 5),
    ):
        (whole,) = pages(operator, path, 100)
        in_pages = pages(operator, path, 2)

        assert [entry[key] for page in in_pages for entry in page] == [entry[key] for entry in whole], path
        assert len({str(entry[key]) for entry in whole}) == count == len(whole), path
        assert len(in_pages) >= 3, path
    for path in ("/api/v1/agents", *(f"{MACHINE}/{name}" for name in ("diagnoses", "windows", "alerts", "gaps"))):
        answer = operator.get(path, params={"before": "2026-03-01T08:00:00"})
        assert answer.status_code == 422
        assert "2026-03-01T08:00:00Z" in answer.json()["hint"]


@pytest.mark.usefixtures("filled")
def test_boxes_with_their_state(centre: Centre, box: Enrolment, operator: httpx.Client) -> None:
    replaced = operator.get("/api/v1/agents", params={"machine": "a"}).json()[0]["id"]
    enrol(Link(centre.url), centre.token("a"), "a", "0.2.0", "")

    agents = {item["machine"]: item for item in operator.get("/api/v1/agents").json()}
    rig = operator.get(f"/api/v1/agents/{box.agent}").json()
    old = operator.get(f"/api/v1/agents/{replaced}").json()

    assert set(agents) == {"a", "b", "c", "d", "rig"}
    assert agents["rig"] == rig
    assert (rig["state"], rig["agent_version"]) == ("active", "0.1.0")
    assert datetime.fromisoformat(rig["expires_at"]) > datetime.fromisoformat(rig["last_seen"])
    assert (agents["a"]["state"], agents["a"]["agent_version"], agents["a"]["last_seen"]) == ("enrolled", "0.2.0", None)
    assert (old["state"], old["machine"]) == ("revoked", "a")
    assert replaced in {item["id"] for item in operator.get("/api/v1/agents", params={"revoked": True}).json()}
    assert operator.get("/api/v1/agents/nobody").status_code == 404


@pytest.mark.usefixtures("filled")
def test_components_of_the_machine_file_with_their_newest_state(centre: Centre, operator: httpx.Client) -> None:
    machine_file = json.dumps(
        {
            "name": "press",
            "components": [{"name": "tank", "type": "reservoir"}, {"name": "pump", "type": "piston_pump"}],
            "connections": [
                {
                    "source": "tank",
                    "target": "pump",
                    "diameter_mm": 25,
                    "length_m": 1,
                    "material": "steel",
                    "pressure_rating_bar": 100,
                }
            ],
            "sensors": [
                {
                    "name": "PS1",
                    "quantity": "pressure",
                    "unit": "bar",
                    "component": "pump",
                    "port": "pressure_out",
                    "rate_hz": 1,
                    "valid_min": 0,
                    "valid_max": 400,
                }
            ],
        }
    )
    press = enrol(Link(centre.url), centre.token("press"), "press", "0.1.0", machine_file)
    assert send(centre.url, press.credential, make_batch("press", 0)).status_code == 200

    tank, pump, valve = operator.get("/api/v1/machines/press/components").json()
    of_rig = operator.get(f"{MACHINE}/components").json()

    assert (tank["name"], tank["leads_to"], tank["newest"]) == ("tank", ["pump"], None)
    assert pump["sensors"] == [
        {"name": "PS1", "quantity": "pressure", "unit": "bar", "port": "pressure_out", "rate_hz": 1.0}
    ]
    assert pump["newest"]["health"] == pytest.approx(0.6)
    assert datetime.fromisoformat(pump["newest"]["start"]) == time_of(START_US + MINUTE_US)
    assert (valve["name"], valve["type"], valve["newest"]["abstained"]) == ("valve", None, True)
    assert [item["name"] for item in of_rig] == ["pump", "valve"], "its machine file describes none"
