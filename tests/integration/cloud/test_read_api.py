"""What an operator reads back, over HTTP and on the command line."""

import json

import httpx
import pytest

from cloud_sync.wire import Batch, Enrolment
from edge_runtime.alert import AlertState
from edge_runtime.diagnosis import Diagnosis
from tests.integration.cloud.conftest import send
from tests.servers.batches import MINUTE_US, START_US, alert, gap, make_batch, time_of
from tests.servers.centre import Centre


@pytest.fixture
def filled(centre: Centre, box: Enrolment) -> Enrolment:
    """Three batches of two windows; the alert of the first is cleared."""
    for number in range(3):
        assert send(centre.url, box.credential, make_batch("rig", number)).status_code == 200
    cleared = alert("rig", "alert-0", AlertState.CLEARED, START_US + 5 * MINUTE_US)
    assert send(centre.url, box.credential, Batch("boot-1", 3, alerts=(cleared,))).status_code == 200
    return box


def test_machines_at_a_glance(centre: Centre, filled: Enrolment, operator: httpx.Client) -> None:
    centre.token("press")

    press, rig = operator.get("/api/v1/machines").json()

    assert (press["machine"], press["agent"], press["overall_health"]) == ("press", None, None)
    assert (rig["machine"], rig["agent"], rig["standing_alerts"]) == ("rig", filled.agent, 2)
    assert rig["overall_health"] == pytest.approx(0.75)
    assert rig["model_version"] == "1.0.0"
    one = operator.get("/api/v1/machines/rig").json()
    assert one["status"]["machine"] == "rig"
    assert one["machine_file"] == "name: rig\n"


def test_diagnoses_newest_first_and_paged(centre: Centre, filled: Enrolment, operator: httpx.Client) -> None:
    latest = Diagnosis.model_validate(operator.get("/api/v1/machines/rig/diagnoses/latest").json())
    first = operator.get("/api/v1/machines/rig/diagnoses", params={"limit": 4}).json()
    rest = operator.get(
        "/api/v1/machines/rig/diagnoses", params={"limit": 4, "before": first[-1]["window_start"]}
    ).json()

    starts = [Diagnosis.model_validate(document).window_start for document in [*first, *rest]]
    assert latest.window_start == starts[0]
    assert starts == [time_of(START_US + k * MINUTE_US) for k in reversed(range(6))]


def test_windows_come_back_as_they_were_sent(centre: Centre, filled: Enrolment, operator: httpx.Client) -> None:
    windows = operator.get("/api/v1/machines/rig/windows", params={"limit": 2}).json()
    only = operator.get("/api/v1/machines/rig/windows", params={"limit": 1, "sensor": "PS1"}).json()

    assert len(windows) == 2
    assert [channel["sensor"] for channel in windows[0]["channels"]] == ["FS1", "PS1", "TS1"]
    assert windows[0]["channels"][0]["values"][:2] == [None, 1.0]
    assert [channel["sensor"] for channel in only[0]["channels"]] == ["PS1"]


def test_alerts_in_their_newest_state(centre: Centre, filled: Enrolment, operator: httpx.Client) -> None:
    everything = operator.get("/api/v1/machines/rig/alerts").json()
    standing = operator.get("/api/v1/machines/rig/alerts", params={"standing": True}).json()

    assert {(item["id"], item["state"]) for item in everything} == {
        ("alert-0", "cleared"),
        ("alert-1", "raised"),
        ("alert-2", "raised"),
    }
    assert {item["id"] for item in standing} == {"alert-1", "alert-2"}


def test_an_alert_that_is_cleared_before_it_is_raised_does_not_stand(
    centre: Centre, box: Enrolment, operator: httpx.Client
) -> None:
    for number, state in enumerate((AlertState.CLEARED, AlertState.RAISED)):
        batch = Batch("boot-1", number, alerts=(alert("rig", "alert-1", state, START_US + number * MINUTE_US),))
        assert send(centre.url, box.credential, batch).status_code == 200

    assert operator.get("/api/v1/machines").json()[0]["standing_alerts"] == 0
    assert operator.get("/api/v1/machines/rig/alerts", params={"standing": True}).json() == []
    assert [item["state"] for item in operator.get("/api/v1/machines/rig/alerts").json()] == ["cleared"]


def test_gaps_latest_first_and_paged(centre: Centre, filled: Enrolment, operator: httpx.Client) -> None:
    first = operator.get("/api/v1/machines/rig/gaps", params={"limit": 2}).json()
    rest = operator.get("/api/v1/machines/rig/gaps", params={"limit": 2, "before": first[-1]["start"]}).json()

    assert [gap["number"] for gap in [*first, *rest]] == [2, 1, 0]
    assert rest == [
        {
            "boot": "boot-1",
            "number": 0,
            "start": f"{time_of(START_US):%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{time_of(START_US + MINUTE_US // 2):%Y-%m-%dT%H:%M:%SZ}",
            "cause": "source down",
            "source": "plc",
            "sensors": ["PS1", "FS1"],
            "lost": 0,
            "detail": "no connection",
        }
    ]


def test_a_page_leaves_out_no_gap_that_began_with_the_last_one(
    centre: Centre, box: Enrolment, operator: httpx.Client
) -> None:
    together = tuple(gap("rig", number, START_US) for number in range(3))
    earlier = gap("rig", 3, START_US - MINUTE_US)
    assert send(centre.url, box.credential, Batch("boot-1", 0, gaps=(*together, earlier))).status_code == 200

    first = operator.get("/api/v1/machines/rig/gaps", params={"limit": 2}).json()
    rest = operator.get("/api/v1/machines/rig/gaps", params={"limit": 2, "before": first[-1]["start"]}).json()

    assert sorted(item["number"] for item in first) == [0, 1, 2]
    assert [item["number"] for item in rest] == [3]


def test_steps_of_the_clock_latest_first(centre: Centre, filled: Enrolment, operator: httpx.Client) -> None:
    steps = operator.get("/api/v1/machines/rig/clock-steps", params={"limit": 2}).json()

    assert [step["number"] for step in steps] == [2, 1]
    assert steps[0]["after"] == steps[0]["wall"] == f"{time_of(START_US + 4 * MINUTE_US):%Y-%m-%dT%H:%M:%SZ}"
    assert (steps[0]["counter"], steps[0]["state_before"], steps[0]["state_after"]) == (1000, "suspect", "synced")


@pytest.mark.parametrize(
    "path",
    [
        *("", "/rig", "/rig/diagnoses", "/rig/diagnoses/latest", "/rig/windows", "/rig/alerts", "/rig/gaps"),
        "/rig/clock-steps",
    ],
)
def test_a_box_may_not_read(centre: Centre, box: Enrolment, path: str) -> None:
    headers = {"Authorization": f"Bearer {box.credential}"}

    assert httpx.get(f"{centre.url}/api/v1/machines{path}", headers=headers).status_code == 401
    assert httpx.get(f"{centre.url}/api/v1/machines{path}").status_code == 401


def test_an_operator_may_not_write(centre: Centre, operator: httpx.Client) -> None:
    token = operator.headers["authorization"].partition(" ")[2]

    assert send(centre.url, token, make_batch("rig", 0)).status_code == 401


def test_a_revoked_operator_is_refused(centre: Centre, operator: httpx.Client) -> None:
    assert centre.run("operator", "revoke", "tests").returncode == 0

    assert operator.get("/api/v1/machines").status_code == 401


def test_what_is_not_there_and_what_is_asked_wrongly(centre: Centre, box: Enrolment, operator: httpx.Client) -> None:
    for what in ("alerts", "gaps", "clock-steps"):
        assert operator.get(f"/api/v1/machines/nobody/{what}").status_code == 404
    assert operator.get("/api/v1/machines/rig/diagnoses/latest").status_code == 404
    wrong = operator.get("/api/v1/machines/rig/windows", params={"limit": 0})
    assert wrong.status_code == 422
    assert "limit" in wrong.json()["detail"]
    assert operator.get("/nowhere").headers["content-type"] == "application/problem+json"


def test_the_fleet_on_the_command_line(centre: Centre, filled: Enrolment) -> None:
    table = centre.run("fleet").stdout
    (rig,) = json.loads(centre.run("fleet", "--json").stdout)

    assert filled.agent in table
    assert "75%" in table
    assert rig["machine"] == "rig"
    assert rig["lag_s"] > 0


@pytest.mark.usefixtures("filled")
def test_diagnoses_on_the_command_line_lead_to_a_verdict(centre: Centre) -> None:
    table = centre.run("diagnoses", "rig", "--limit", "2").stdout.splitlines()
    third = f"{time_of(START_US + 3 * MINUTE_US):%Y-%m-%dT%H:%M:%S}"
    (document,) = json.loads(centre.run("diagnoses", "rig", "--limit", "1", "--until", third, "--json").stdout)

    assert [line.split()[0] for line in table[1:]] == [
        f"{time_of(START_US + k * MINUTE_US):%Y-%m-%dT%H:%M:%S}" for k in (5, 4)
    ]
    assert "75%" in table[1]
    assert "pump: 1, moderate; valve: not judged" in table[1]
    assert "zema-rig 1.0.0" in table[1]
    assert Diagnosis.model_validate(document).window_start == time_of(START_US + 2 * MINUTE_US)


@pytest.mark.usefixtures("filled")
def test_alerts_on_the_command_line(centre: Centre) -> None:
    standing = centre.run("alerts", "rig", "--standing").stdout
    everything = json.loads(centre.run("alerts", "rig", "--json").stdout)

    assert "maintenance required  pump: internal leakage" in standing
    assert "cleared" not in standing
    assert sorted((item["id"], item["state"]) for item in everything) == [
        ("alert-0", "cleared"),
        ("alert-1", "raised"),
        ("alert-2", "raised"),
    ]


def test_a_machine_without_diagnoses_and_one_that_is_not_there_on_the_command_line(centre: Centre) -> None:
    centre.token("press")
    empty, nobody = centre.run("diagnoses", "press"), centre.run("alerts", "nobody")

    assert (empty.returncode, empty.stdout) == (0, "Nothing of press then.\n")
    assert nobody.returncode == 1
    assert "hydrosight-cloud fleet" in nobody.stderr
