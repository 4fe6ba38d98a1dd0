import httpx
import pytest

from agent.health import HealthServer
from agent.settings import HealthSettings
from agent.sources.base import SourceCounters
from agent.status import AgentStatus
from agent.store.retention import Retention
from agent.store.store import Store
from agent.view import TASK_LIMIT_S, HealthView
from edge_runtime.errors import ConfigurationError
from edge_runtime.prognosis.remaining_life import RemainingLife
from edge_runtime.prognosis.trend import HealthTrend
from tests.stored import diagnosis, readings, window


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def status(clock):
    status = AgentStatus(monotonic=clock)
    for part in ("store", "model", "source plc", "source rig"):
        status.report(part, healthy=True, message="works")
    return status


@pytest.fixture
def statistics(tmp_path):
    with Store.open(tmp_path / "store.db", "boot", retention=Retention(min_free_bytes=0)) as store:
        store.append(readings(0))
        store.record(window(0), diagnosis(0), [])
        yield store.statistics()


@pytest.fixture
def client(status, statistics):
    with (
        HealthServer(HealthSettings(port=0), HealthView(status, lambda: statistics)) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client,
    ):
        yield client


def test_it_is_alive_while_every_task_makes_progress(client, status, clock):
    status.beat("recorder")
    assert client.get("/healthz").status_code == 200
    clock.now = TASK_LIMIT_S + 1
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"alive": False, "silent_tasks": ["recorder"]}


@pytest.mark.parametrize(
    ("broken", "code"),
    [([], 200), (["source plc"], 200), (["source plc", "source rig"], 503), (["store"], 503), (["model"], 503)],
)
def test_it_is_ready_with_a_store_a_model_and_one_source(client, status, broken, code):
    for part in broken:
        status.report(part, healthy=False, message="broken")
    assert client.get("/readyz").status_code == code


def test_the_status_holds_every_part_and_the_last_diagnosis(client, status):
    status.report("source plc", healthy=False, message="no connection", hint="check the cable")
    status.stored(60, 1_000_000)
    status.diagnosed(diagnosis(0), alerts=2)
    document = client.get("/status").json()
    assert document["conditions"]["source plc"] == {
        "healthy": False,
        "message": "no connection",
        "hint": "check the cable",
    }
    assert (document["readings"], document["windows"], document["alerts"]) == (60, 1, 2)
    assert document["diagnosis"] == diagnosis(0).model_dump(mode="json")
    assert document["buffer"]["records"]["diagnosis"] == 1


def test_before_the_first_figures_it_answers_too(status):
    with HealthServer(HealthSettings(port=0), HealthView(status, lambda: None)) as server:
        document = httpx.get(f"http://127.0.0.1:{server.port}/status").json()
        metrics = httpx.get(f"http://127.0.0.1:{server.port}/metrics")
    assert (document["buffer"], document["diagnosis"]) == (None, None)
    assert metrics.status_code == 200


def test_metrics_are_in_prometheus_form(client, status):
    status.stored(60, 1_000_000)
    status.diagnosed(diagnosis(0, health=0.8), alerts=0)
    status.report("source plc", healthy=False, message="no connection")
    answer = client.get("/metrics?name[]=x")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert "hydrosight_readings_total 60.0" in lines
    assert 'hydrosight_component_health{component="pump"} 0.8' in lines
    assert not any('component="valve"' in line for line in lines)
    assert 'hydrosight_part_healthy{part="source plc"} 0.0' in lines
    assert "hydrosight_outbox_pending 2.0" in lines


@pytest.mark.parametrize("significant", [True, False])
def test_a_trend_is_served_where_there_is_one(client, status, significant):
    life = RemainingLife(threshold=0.5, p10_days=4.0, p50_days=9.0)
    trend = HealthTrend(
        history_days=9, loss_per_day=0.02, loss_low=0.01, loss_high=0.03, significant=significant, remaining_life=life
    )
    pump, valve = diagnosis(0).components
    wearing = pump.model_copy(update={"trend": trend})
    status.diagnosed(diagnosis(0).model_copy(update={"components": (wearing, valve)}), alerts=0)
    lines = client.get("/metrics").text.splitlines()
    assert ('hydrosight_component_loss_per_day{component="pump"} 0.02' in lines) == significant
    times = [line for line in lines if line.startswith("hydrosight_component_remaining_seconds{")]
    assert len(times) == (2 if significant else 0), "what lies beyond the horizon is absent"


def test_another_path_gets_a_list_of_those_there_are(client):
    answer = client.get("/")
    assert answer.status_code == 404
    assert "/healthz /readyz /status /metrics" in answer.text


def test_a_taken_port_is_a_wrong_setting(client, status):
    taken = int(str(client.base_url).rsplit(":", maxsplit=1)[-1].strip("/"))
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{taken}") as caught:
        HealthServer(HealthSettings(port=taken), HealthView(status, lambda: None))
    assert "health.port" in caught.value.hint


def test_what_sources_counted_is_in_the_status_and_the_metrics(status):
    counted = {"plc": SourceCounters(readings=7, late_polls=2, exceptions={2: 1, 11: 3})}
    view = HealthView(status, lambda: None, sources=lambda: counted)
    with (
        HealthServer(HealthSettings(port=0), view) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client,
    ):
        document, metrics = client.get("/status").json(), client.get("/metrics").text
    assert document["sources"]["plc"]["exceptions"] == {"2": 1, "11": 3}
    assert 'hydrosight_source_late_polls_total{source="plc"} 2.0' in metrics
    assert 'hydrosight_modbus_exceptions_total{code="11",source="plc"} 3.0' in metrics
