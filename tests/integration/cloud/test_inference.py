"""A box's windows come in by ingest, and the centre says of them what the box said."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from agent.store.records import window_record
from cloud_sync.cloud.inference.answer import InferenceAnswer, LackKind
from cloud_sync.cloud.registry.keys import Keys, create_keys
from cloud_sync.cloud.registry.models import Registry
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import Batch, DiagnosisRecord
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.utc import utc_datetime
from tests.integration.cloud.conftest import send
from tests.models.tiny_bundle import TINY_MACHINE, WINDOW_US, build_tiny_bundle, tiny_machine, window_of
from tests.rig.until import until
from tests.servers.centre import Centre

FIRST_US = 1_767_225_600_000_000 // WINDOW_US * WINDOW_US
WINDOWS = 140
"""More than a page of a range, which is 128 windows of four channels."""

WORKER_TIMEOUT_S = 5


@dataclass(frozen=True)
class Fleet:
    """A centre with two machines, whose boxes have sent windows and what they said of them; and a viewer's client."""

    centre: Centre
    viewer: httpx.Client
    said: tuple[Diagnosis, ...]
    bundle: Path

    def infer(self, **asked: object) -> httpx.Response:
        return self.viewer.post("/api/v1/inference", json=asked)

    def range(self, **asked: object) -> list[dict[str, dict[str, object]]]:
        answer = self.viewer.post("/api/v1/batch-inference", json=asked)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]


def minute(number: int) -> str:
    return utc_datetime(FIRST_US + number * WINDOW_US).isoformat()


@pytest.fixture(scope="module")
def fleet(module_postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("inference")
    bundle = build_tiny_bundle(folder / "bundle")
    with ExitStack() as stack:
        settings = {
            "inference_bundle": str(bundle),
            "inference_processes": "1",
            "inference_max_waiting": "64",  # fewer than a page has windows
            "inference_worker_timeout_s": str(WORKER_TIMEOUT_S),
        }
        centre = Centre(module_postgres_url, folder / "centre.log", **settings)
        stack.callback(centre.stop)
        token = centre.operator_token("eve")
        headers = {"Authorization": f"Bearer {token}"}
        viewer = stack.enter_context(httpx.Client(base_url=centre.url, headers=headers, timeout=30))
        said = send_windows(centre, "tiny", bundle, WINDOWS)
        send_windows(centre, "other", bundle, 3)
        yield Fleet(centre, viewer, said, bundle)


def send_windows(centre: Centre, machine: str, bundle: Path, count: int) -> tuple[Diagnosis, ...]:
    """As the box does: windows, and its diagnoses of them by the same bundle."""
    text = TINY_MACHINE.replace("name: tiny", f"name: {machine}", 1)
    box = enrol(Link(centre.url), centre.token(machine), machine, "0.1.0", text)
    model = tiny_machine().model_copy(update={"name": machine})
    opened = open_bundle(bundle)
    diagnoser = Diagnoser(model, opened, OnnxBackend(opened.model_path))
    windows = [
        window_of(model, start_us=FIRST_US + k * WINDOW_US, level=0.3 + k / 400, silent=("FS1",) if k % 7 == 3 else ())
        for k in range(count)
    ]
    said = tuple(diagnoser.diagnose(window) for window in windows)
    documents = tuple(
        DiagnosisRecord(machine, window.start_us, diagnosis.model_dump_json().encode())
        for window, diagnosis in zip(windows, said, strict=True)
    )
    batch = Batch("boot", 1, windows=tuple(window_record(window) for window in windows), diagnoses=documents)
    assert send(centre.url, box.credential, batch).status_code == 200
    return said


def as_at_the_box(diagnosis: Diagnosis) -> Diagnosis:
    """Without what no two runs have in common."""
    return diagnosis.model_copy(update={"inference_ms": 0.0})


def test_the_newest_window_gets_the_diagnosis_that_its_box_gave(fleet: Fleet):
    answer = fleet.infer(machine="tiny")
    assert answer.status_code == 200, answer.text
    found = InferenceAnswer.model_validate_json(answer.content)
    assert as_at_the_box(found.diagnosis) == as_at_the_box(fleet.said[-1])
    assert found.diagnosis.inference_ms > 0
    assert {anomaly.component for anomaly in found.anomalies} == {
        item.component for item in fleet.said[-1].components if not item.abstained and item.ne107 != "normal"
    }


def test_a_window_is_found_by_any_moment_in_it(fleet: Fleet):
    for moment_us in (0, 59_999_999):
        time = utc_datetime(FIRST_US + 10 * WINDOW_US + moment_us).isoformat()
        found = InferenceAnswer.model_validate_json(fleet.infer(machine="tiny", time=time).content)
        assert as_at_the_box(found.diagnosis) == as_at_the_box(fleet.said[10])


def test_it_says_what_the_box_has_and_the_centre_has_not(fleet: Fleet):
    found = InferenceAnswer.model_validate_json(fleet.infer(machine="tiny").content)
    assert [lack.kind for lack in found.lacks] == [LackKind.HISTORY, LackKind.DOUBTS]


def test_a_range_gives_every_window_once_in_order_and_says_that_it_was_all(fleet: Fleet):
    *lines, last = fleet.range(machines=["tiny", "other"], start=minute(0), end=minute(WINDOWS))
    found = [Diagnosis.model_validate(line["answer"]["diagnosis"]) for line in lines]
    assert last == {"done": {"windows": WINDOWS + 3, "failed": 0}}
    assert [as_at_the_box(item) for item in found[:WINDOWS]] == [as_at_the_box(item) for item in fleet.said]
    assert [item.machine for item in found[WINDOWS:]] == ["other"] * 3


def test_a_range_ends_before_its_end(fleet: Fleet):
    *lines, _ = fleet.range(machines=["tiny"], start=minute(5), end=minute(7))
    assert [line["answer"]["diagnosis"]["window_start"][:16] for line in lines] == [minute(5)[:16], minute(6)[:16]]


def test_a_range_without_windows_is_done_at_once(fleet: Fleet):
    assert fleet.range(machines=["tiny"], start=minute(-9), end=minute(-3)) == [{"done": {"windows": 0, "failed": 0}}]


@pytest.mark.parametrize(
    ("path", "asked", "status", "words"),
    [
        ("inference", {"machine": "nobody"}, 404, "no machine 'nobody'"),
        ("inference", {"machine": "tiny", "time": "2020-01-01T00:00:00Z"}, 404, "no window at"),
        ("inference", {"machine": "tiny", "time": "2030-01-01T00:00:00Z"}, 404, "no window at"),
        ("inference", {"machine": "tiny", "time": "2030-01-01T00:00:00"}, 422, "time"),
        ("inference", {"machine": "tiny", "tme": None}, 422, "tme"),
        ("batch-inference", {"machines": ["tiny"], "start": minute(1), "end": minute(1)}, 422, "later than start"),
        ("batch-inference", {"machines": ["tiny"] * 2, "start": minute(0), "end": minute(1)}, 422, "named twice"),
        ("batch-inference", {"machines": [], "start": minute(0), "end": minute(1)}, 422, "machines"),
        ("batch-inference", {"machines": ["tiny"], "start": minute(0), "end": minute(60_000)}, 422, "at most 50000"),
        ("batch-inference", {"machines": ["tiny", "nobody"], "start": minute(0), "end": minute(1)}, 404, "nobody"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(
    fleet: Fleet, path: str, asked: dict[str, object], status: int, words: str
):
    answer = fleet.viewer.post(f"/api/v1/{path}", json=asked)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_without_a_token_nothing_is_diagnosed(fleet: Fleet):
    for path, asked in (
        ("inference", {"machine": "tiny"}),
        ("batch-inference", {"machines": ["tiny"], "start": minute(0), "end": minute(1)}),
    ):
        assert httpx.post(f"{fleet.centre.url}/api/v1/{path}", json=asked).status_code == 401


def test_what_was_done_is_in_the_metrics(fleet: Fleet):
    fleet.infer(machine="tiny")
    metrics = httpx.get(f"{fleet.centre.url}/metrics").text
    values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
    assert float(values["hydrosight_centre_inference_seconds_count"]) >= 1
    assert float(values["hydrosight_centre_inference_batch_windows_sum"]) >= 1
    assert float(values['hydrosight_centre_inference_waiting{lane="single"}']) == 0


def test_the_command_says_the_same_as_the_server(fleet: Fleet, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HYDROSIGHT_INFERENCE_BUNDLE", str(fleet.bundle))
    span = ("--since", minute(3), "--until", minute(5))
    *lines, last = fleet.centre.run("infer", "tiny", *span, "--json").stdout.splitlines()
    found = [InferenceAnswer.model_validate(json.loads(line)["answer"]).diagnosis for line in lines]
    assert [as_at_the_box(item) for item in found] == [as_at_the_box(item) for item in fleet.said[3:5]]
    assert json.loads(last) == {"done": {"windows": 2, "failed": 0}}
    wrong = fleet.centre.run("infer", "tiny", "--since", minute(3))
    assert (wrong.returncode, "belong together" in wrong.stderr) == (2, True)


def workers_of(fleet: Fleet) -> list[psutil.Process]:
    children = psutil.Process(fleet.centre.pid).children()
    return [process for process in children if "spawn_main" in " ".join(process.cmdline())]


def test_a_worker_that_is_killed_while_nothing_is_asked_costs_nobody_anything(fleet: Fleet):
    assert fleet.infer(machine="tiny").status_code == 200
    (worker,) = workers_of(fleet)
    worker.kill()
    until(lambda: worker.status() == psutil.STATUS_ZOMBIE, "the worker's end")
    assert fleet.infer(machine="tiny").status_code == 200


def test_a_worker_that_hangs_is_replaced_and_who_asked_is_told_to_come_again(fleet: Fleet):
    assert fleet.infer(machine="tiny").status_code == 200
    (worker,) = workers_of(fleet)
    worker.suspend()
    refused = fleet.infer(machine="tiny")
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    assert f"hasn't answered for {WORKER_TIMEOUT_S}" in refused.json()["detail"]
    assert not worker.is_running()
    assert fleet.infer(machine="tiny").status_code == 200


def test_the_model_is_the_signed_one_that_serves_the_machine(fleet: Fleet, tmp_path: Path):
    create_keys(tmp_path / "keys")
    keys, now = Keys(tmp_path / "keys"), datetime.now(UTC)
    registry = Registry.create(tmp_path / "repository", keys, now=now)
    settings = {"tuf_repository": str(tmp_path / "repository"), "inference_processes": "1"}
    centre = Centre(fleet.centre.database_url, tmp_path / "centre.log", **settings)
    try:
        url = f"{centre.url}/api/v1/inference"
        headers = fleet.viewer.headers
        none_yet = httpx.post(url, json={"machine": "tiny"}, headers=headers)
        assert (none_yet.status_code, none_yet.json()["detail"]) == (409, "no model serves machine 'tiny'")
        for release, bias in ((1, 0.0), (2, -9.0)):
            name = f"bundle-{release}"
            bundle = build_tiny_bundle(tmp_path / name, version=f"{release}.0.0", release=release, level_bias=bias)
            registry.publish(bundle, keys, now=now)
            answer = httpx.post(url, json={"machine": "tiny"}, headers=headers, timeout=30)
            model = answer.json()["diagnosis"]["model"]
            assert (model["version"], model["sha256"]) == (f"{release}.0.0", open_bundle(bundle).sha256)
    finally:
        centre.stop()
