"""What technicians found comes back, is checked against the machine file, and reaches training."""

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import Batch
from tests.integration.cloud.conftest import send
from tests.servers.batches import MINUTE_US, START_US, make_batch, time_of, window
from tests.servers.centre import Centre
from training.sources.open_source import open_source
from training.sources.source import read_source

ROOT = Path(__file__).parents[3]
MACHINE_FILE = (ROOT / "configs" / "machines" / "zema.yaml").read_text()
PATH = "/api/v1/machines/zema/labels"


def said(level: str | None, first: int = 0, last: int = 3, condition: str = "valve") -> dict[str, object]:
    """A finding about the minutes from `first` to before `last`."""
    span = {"start": time_of(START_US + first * MINUTE_US), "end": time_of(START_US + last * MINUTE_US)}
    return {"condition": condition, "level": level, **{name: time.isoformat() for name, time in span.items()}}


@pytest.fixture
def machine(centre: Centre) -> str:
    enrolment = enrol(Link(centre.url), centre.token("zema"), "zema", "0.1.0", MACHINE_FILE)
    windows = tuple(window("zema", START_US + k * MINUTE_US) for k in range(4))
    assert send(centre.url, enrolment.credential, Batch("boot", 0, windows=windows)).status_code == 200
    return "zema"


@pytest.mark.usefixtures("machine")
def test_the_last_word_is_what_training_learns_from(
    centre: Centre, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for finding in (said("100"), said("80", 1, 2), said("73", 2, 3), said(None, 2, 3), said("0", 0, 1, "pump")):
        assert operator.post(PATH, json=finding).status_code == 201

    monkeypatch.setenv("HYDROSIGHT_DATABASE_URL", centre.database_url)
    rows = read_source(open_source("timescaledb:zema")).labels

    assert [(row.start_us, dict(row.values)) for row in rows] == [
        (START_US, {"pump": "0", "valve": "100"}),
        (START_US + MINUTE_US, {"valve": "80"}),
    ]
    assert all(row.end_us - row.start_us == MINUTE_US for row in rows)


@pytest.mark.usefixtures("machine")
def test_everything_said_stays_with_who_said_it(operator: httpx.Client) -> None:
    for level in ("100", "90", "80"):
        operator.post(PATH, json=said(level) | {"note": f"found {level}"})

    first = operator.get(PATH, params={"limit": 2}).json()
    rest = operator.get(PATH, params={"before": first[-1]["id"]}).json()

    assert [item["level"] for item in [*first, *rest]] == ["80", "90", "100"]
    assert {item["said_by"] for item in first} == {"tests"}
    assert first[0]["note"] == "found 80"


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("finding", "hint"),
    [
        (said("81"), "73, 80, 90, 100"),
        (said("1", condition="gearbox"), "valve"),
        (said("80", 2, 2), ""),
        (said("80") | {"start": "2026-01-01T00:00:00"}, ""),
        (said("80") | {"colour": "red"}, ""),
    ],
)
def test_what_cannot_be_is_refused(operator: httpx.Client, finding: dict[str, object], hint: str) -> None:
    answer = operator.post(PATH, json=finding)

    assert answer.status_code == 422
    assert all(word in answer.json().get("hint", "") for word in hint.split(", "))
    assert operator.get(PATH).json() == []


def test_nobody_says_anything_without_a_token_or_of_no_machine(centre: Centre, operator: httpx.Client) -> None:
    assert httpx.post(centre.url + PATH, json=said("80")).status_code == 401
    assert operator.post("/api/v1/machines/none/labels", json=said("80")).status_code == 404


@pytest.mark.usefixtures("machine")
def test_the_commands(centre: Centre) -> None:
    span = ["--start", "2026-03-01T08:00", "--end", "2026-03-01T12:00"]
    noted = centre.run("label", "add", "zema", "valve", "80", *span, "--note", "inspected", "--by", "Kim", "--json")
    wrong = centre.run("label", "add", "zema", "valve", "81", *span)
    backwards = centre.run("label", "add", "zema", "valve", "80", "--start", "2026-03-02", "--end", "2026-03-01")
    shown = centre.run("label", "list", "zema")

    label = json.loads(noted.stdout)
    assert (label["level"], label["said_by"], label["start"]) == ("80", "Kim", "2026-03-01T08:00:00Z")
    assert wrong.returncode == 1
    assert "80" in wrong.stderr
    assert backwards.returncode == 2
    assert "end must lie after start" in backwards.stderr
    assert all(word in shown.stdout for word in ("valve", "2026-03-01 08:00", "Kim", "inspected"))
    assert [item["id"] for item in json.loads(centre.run("label", "list", "zema", "--json").stdout)] == [label["id"]]


def test_a_box_without_a_machine_file_can_be_labelled_too(centre: Centre, operator: httpx.Client) -> None:
    """Nothing can be checked then; training checks it against the machine file that it is given."""
    enrolment = enrol(Link(centre.url), centre.token("rig"), "rig", "0.1.0", "")
    assert send(centre.url, enrolment.credential, make_batch("rig", 0)).status_code == 200
    finding = said("worn", 0, 1) | {"end": (time_of(START_US) + timedelta(hours=1)).isoformat()}

    assert operator.post("/api/v1/machines/rig/labels", json=finding).status_code == 201


def test_a_technician_confirms_and_corrects_diagnoses(
    centre: Centre, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was said counts for the model that was judged, and training learns it from the export and directly."""
    enrolment = enrol(Link(centre.url), centre.token("zema"), "zema", "0.1.0", MACHINE_FILE)
    assert send(centre.url, enrolment.credential, make_batch("zema", 0, windows=4)).status_code == 200
    starts = [time_of(START_US + k * MINUTE_US) for k in range(5)]

    def judge(number: int, **verdict: str) -> httpx.Response:
        return operator.post(
            f"/api/v1/machines/zema/diagnoses/{starts[number]:%Y-%m-%dT%H:%M:%SZ}/verdicts", json=verdict
        )

    confirmed = judge(0, condition="pump")
    corrected = judge(1, condition="pump", level="2", note="opened")
    said = [confirmed.json(), corrected.json()]
    abstained = judge(0, condition="valve")
    on_the_box = centre.run("label", "correct", "zema", f"{starts[2]:%Y-%m-%dT%H:%M}", "pump", "0", "--by", "Kim")
    last_word = centre.run("label", "confirm", "zema", f"{starts[2]:%Y-%m-%dT%H:%M}", "pump", "--json")

    assert [(item["level"], item["diagnosed_level"], item["model_version"]) for item in said] == [
        ("1", "1", "1.0.0"),
        ("2", "1", "1.0.0"),
    ]
    assert said[1]["said_by"] == "tests"
    assert abstained.status_code == 422
    assert "abstained" in abstained.json()["detail"]
    assert "was 0, the model saw 1" in on_the_box.stdout
    assert json.loads(last_word.stdout)["level"] == "1"
    assert judge(4, condition="pump").status_code == 404
    assert judge(0, condition="pump", level="9").status_code == 422
    assert judge(0, condition="gearbox").status_code == 422
    (agreement,) = operator.get("/api/v1/machines/zema/agreement").json()
    assert {name: agreement[name] for name in ("condition", "verdicts", "confirmed", "corrected", "abstained")} == {
        "condition": "pump",
        "verdicts": 3,
        "confirmed": 2,
        "corrected": 1,
        "abstained": 0,
    }
    assert json.loads(centre.run("label", "agreement", "--json").stdout) == [agreement]
    monkeypatch.setenv("HYDROSIGHT_DATABASE_URL", centre.database_url)
    rows = read_source(open_source("timescaledb:zema")).labels
    assert [(row.start_us, dict(row.values)) for row in rows] == [
        (START_US + k * MINUTE_US, {"pump": level}) for k, level in enumerate("121")
    ]


def test_a_verdict_that_was_taken_back_counts_no_more(centre: Centre, operator: httpx.Client) -> None:
    enrolment = enrol(Link(centre.url), centre.token("zema"), "zema", "0.1.0", MACHINE_FILE)
    assert send(centre.url, enrolment.credential, make_batch("zema", 0, windows=2)).status_code == 200

    def judged() -> int:
        return sum(item["verdicts"] for item in operator.get("/api/v1/machines/zema/agreement").json())

    for minute in range(2):
        start = f"{time_of(START_US + minute * MINUTE_US):%Y-%m-%dT%H:%M:%SZ}"
        path = f"/api/v1/machines/zema/diagnoses/{start}/verdicts"
        assert operator.post(path, json={"condition": "pump"}).status_code == 201
    assert operator.post(PATH, json=said(None, 0, 1, "valve")).status_code == 201
    assert judged() == 2, "that was about another condition"
    assert operator.post(PATH, json=said(None, 0, 1, "pump")).status_code == 201
    assert judged() == 1
    first = f"{time_of(START_US):%Y-%m-%dT%H:%M:%SZ}"
    again = operator.post(f"/api/v1/machines/zema/diagnoses/{first}/verdicts", json={"condition": "pump"})
    assert again.status_code == 201
    assert judged() == 2, "the last word counts"
