"""docs/box.md says what the code says: every setting with its default, every metric."""

import re
import typing
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from agent.metrics import metrics_text
from agent.settings import AgentSettings
from agent.sources.base import SourceCounters
from agent.status import AgentStatus
from agent.store.outage_budget import Shedding
from agent.store.records import RecordClass
from agent.store.store import Store
from agent.store.wear import Wear
from agent.sync_desk import SyncFigures
from agent.view import HealthView, SyncView
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.prognosis.remaining_life import RemainingLife
from edge_runtime.prognosis.trend import HealthTrend
from edge_runtime.quality import Reason
from edge_runtime.sensor_health import SensorHealth
from tests.models.tiny_bundle import build_tiny_bundle, window_of

MANUAL = (Path(__file__).parents[3] / "docs" / "box.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([a-z0-9_.\[\]]+)` \| ([^|]*?) \|", MANUAL, re.MULTILINE))


def settings(model: type[BaseModel], prefix: str = "") -> dict[str, object]:
    """Dotted key of every setting → its default; those of the kinds that a section can be, joined by "or"."""
    found: dict[str, object] = {}
    for name, field in model.model_fields.items():
        parts = [field.annotation, *typing.get_args(field.annotation)]
        sections = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
        if sections:
            many = "[]" if typing.get_origin(field.annotation) is tuple else ""
            for section in sections:
                for key, default in settings(section, f"{prefix}{name}{many}.").items():
                    known = found.get(key, default)
                    found[key] = default if known == default else f"{known} or {default}"
        else:
            found[prefix + name] = field.default
    return found


SETTINGS = settings(AgentSettings)


@pytest.mark.parametrize("key", SETTINGS)
def test_every_setting_is_in_the_manual(key):
    assert key in ROWS


@pytest.mark.parametrize(
    ("key", "default"), [(key, value) for key, value in SETTINGS.items() if value not in (None, (), PydanticUndefined)]
)
def test_the_manual_gives_the_right_default(key, default):
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    if isinstance(default, tuple):
        shown = ".".join(default)
    assert ROWS[key] == shown


def test_the_manual_names_no_setting_that_is_not_there():
    assert {key for key in ROWS if "." in key} - set(SETTINGS) == set()


def wearing(diagnosis: Diagnosis) -> Diagnosis:
    """The same with a trend of every component."""
    life = RemainingLife(threshold=0.5, p10_days=1.0, p50_days=2.0, p90_days=3.0)
    trend = HealthTrend(
        history_days=9.0, loss_per_day=0.1, loss_low=0.1, loss_high=0.1, significant=True, remaining_life=life
    )
    components = tuple(component.model_copy(update={"trend": trend}) for component in diagnosis.components)
    return diagnosis.model_copy(update={"components": components})


def test_every_metric_is_in_the_manual(tmp_path):
    bundle = open_bundle(build_tiny_bundle(tmp_path / "bundle"))
    diagnosis = Diagnoser(bundle.machine, bundle, OnnxBackend(bundle.model_path)).diagnose(window_of(bundle.machine))
    with Store.open(tmp_path / "store.db", "boot") as store:
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
    text = metrics_text(view).decode()
    served = set(re.findall(r"^([a-z_]+)(?:\{| )", text, re.MULTILINE))
    assert served == set(re.findall(r"^\| `(hydrosight_\w+)` \|", MANUAL, re.MULTILINE))
