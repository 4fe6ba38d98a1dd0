"""docs/metrics.md names every metric that the centre and the boxes serve, with type and labels, and no other."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from agent.metrics import metrics_text
from agent.sources.base import SourceCounters
from agent.status import AgentStatus
from agent.store.outage_budget import Shedding
from agent.store.records import RecordClass
from agent.store.store import Store
from agent.store.wear import Wear
from agent.sync_desk import SyncFigures
from agent.view import HealthView, SyncView
from cloud_sync.cloud.metrics import CentreMetrics
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.prognosis.remaining_life import RemainingLife
from edge_runtime.prognosis.trend import HealthTrend
from edge_runtime.quality import Reason
from edge_runtime.sensor_health import SensorHealth
from tests.models.tiny_bundle import build_tiny_bundle, window_of

ROOT = Path(__file__).parents[3]
CENTRE, BOX = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8").split("## ")[1:]
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
BASE_UNITS = {"s": "_seconds", "bytes": "_bytes"}

Described = dict[str, tuple[str, set[str]]]
"""Name of a metric → its type and labels."""


def rows(section: str) -> list[list[str]]:
    """Cells of the rows whose first names a metric."""
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `hydrosight_")]


def documented(section: str) -> Described:
    return {name.strip("`"): (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels, *_ in rows(section)}


def of_centre() -> Described:
    metrics = [value for value in vars(CentreMetrics()).values() if isinstance(value, Counter | Gauge | Histogram)]
    return {
        metric._name + ("_total" if metric._type == "counter" else ""): (metric._type, set(metric._labelnames))
        for metric in metrics
    }


def of_box(folder: Path) -> Described:
    """Of a box of which everything is known."""
    bundle = open_bundle(build_tiny_bundle(folder / "bundle"))
    diagnosis = Diagnoser(bundle.machine, bundle, OnnxBackend(bundle.model_path)).diagnose(window_of(bundle.machine))
    with Store.open(folder / "store.db", "boot") as store:
        figures = SyncFigures(store.lanes(), store.traffic_today(), dead_letters=0)
        statistics = replace(
            store.statistics(), wear=Wear(1, 1, 1.0, 1.0, 1), budget=(Shedding(RecordClass.READING, False, 1.0),)
        )
    status = AgentStatus()
    status.report("store", healthy=True, message="")
    status.diagnosed(wearing(diagnosis), alerts=0)
    status.sensed((SensorHealth("PS1", Reason.STUCK, False, "stuck", {Reason.STUCK: 1}),))
    counted = {"plc": SourceCounters(exceptions={2: 1})}
    view = HealthView(status, lambda: statistics, lambda: SyncView(figures=figures), lambda: counted)
    return {
        sample.name: (family.type, set(sample.labels))
        for family in text_string_to_metric_families(metrics_text(view).decode())
        for sample in family.samples
    }


def wearing(diagnosis: Diagnosis) -> Diagnosis:
    """The same with a trend of every component."""
    life = RemainingLife(threshold=0.5, p10_days=1.0, p50_days=2.0, p90_days=3.0)
    trend = HealthTrend(
        history_days=9.0, loss_per_day=0.1, loss_low=0.1, loss_high=0.1, significant=True, remaining_life=life
    )
    components = tuple(component.model_copy(update={"trend": trend}) for component in diagnosis.components)
    return diagnosis.model_copy(update={"components": components})


def test_every_metric_of_the_centre_is_documented_and_no_other() -> None:
    assert documented(CENTRE) == of_centre()


def test_every_metric_of_a_box_is_documented_and_no_other(tmp_path: Path) -> None:
    assert documented(BOX) == of_box(tmp_path)


@pytest.mark.parametrize("cells", rows(CENTRE) + rows(BOX), ids=lambda cells: cells[0])
def test_names_follow_prometheus_conventions(cells: list[str]) -> None:
    """https://prometheus.io/docs/practices/naming/: base units in the name, `_total` for counters alone."""
    name, kind, _, unit, meaning = cells
    name = name.strip("`")
    assert name.endswith("_total") == (kind == "counter")
    assert BASE_UNITS.get(unit, "") in name
    assert not re.search(r"_(days|hours|minutes|milliseconds|ms|kb|mb|percent)(_|$)", name)
    assert meaning


def expressions() -> list[str]:
    found = [rule["expr"] for rule in RULES]
    for dashboard in sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")):
        panels = json.loads(dashboard.read_text())["panels"]
        found += [target["expr"] for panel in panels for target in panel["targets"] if "expr" in target]
    return found


@pytest.mark.parametrize("expression", expressions())
def test_rules_and_dashboards_ask_for_documented_metrics(expression: str) -> None:
    known = documented(CENTRE) | documented(BOX)
    for name, selector in re.findall(r"\b(hydrosight_\w+)(?:\{([^}]*)\})?", expression):
        kind, labels = known[re.sub(r"_(bucket|sum|count)$", "", name) if name not in known else name]
        assert name in known or kind == "histogram"
        assert set(re.findall(r"(\w+)[=!]~?", selector)) <= {*labels, "job", "instance"}


def test_every_alarm_is_explained() -> None:
    assert re.findall(r"^\| `([A-Z]\w+)` \|", CENTRE, re.MULTILINE) == [rule["alert"] for rule in RULES]
