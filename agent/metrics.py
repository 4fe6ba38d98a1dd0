"""The agent's figures for Prometheus. docs/metrics.md names each, with its unit."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent.sources.base import SourceCounters
from agent.status import Snapshot
from agent.store.wear import Wear
from agent.sync_desk import SyncFigures
from agent.view import HealthView
from edge_runtime.diagnosis import Diagnosis

_DAY_S = 86_400.0


def metrics_text(view: HealthView) -> bytes:
    """All figures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Metrics(view))
    return generate_latest(registry)


class _Metrics(Collector):
    def __init__(self, view: HealthView) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        snapshot = self._view.status.snapshot()
        yield CounterMetricFamily("hydrosight_readings", "Readings made durable since start", snapshot.readings)
        yield CounterMetricFamily("hydrosight_windows", "Windows diagnosed since start", snapshot.windows)
        yield CounterMetricFamily("hydrosight_alert_changes", "Alerts raised or cleared since start", snapshot.alerts)
        healthy = GaugeMetricFamily("hydrosight_part_healthy", "1 when a part of the agent works", labels=["part"])
        for part, condition in snapshot.conditions.items():
            healthy.add_metric([part], float(condition.healthy))
        yield healthy
        yield from _source_metrics(self._view.sources())
        yield from _sensor_metrics(snapshot)
        yield from _diagnosis_metrics(snapshot)
        if figures := self._view.sync().figures:
            yield from _sync_metrics(figures)
        statistics = self._view.statistics()
        if statistics:
            yield GaugeMetricFamily("hydrosight_store_bytes", "Size of the local store", statistics.file_bytes)
            yield GaugeMetricFamily(
                "hydrosight_outbox_pending", "Records waiting for the centre", statistics.outbox_pending
            )
            budget = GaugeMetricFamily(
                "hydrosight_outage_seconds",
                "Time without the centre until the first of a class is shed",
                labels=["class", "copy"],
            )
            for shedding in statistics.budget:
                if shedding.days is not None:
                    kept = "unsent" if shedding.lost else "kept"
                    budget.add_metric([shedding.record_class, kept], shedding.days * _DAY_S)
            yield budget
            yield GaugeMetricFamily("hydrosight_disk_free_bytes", "Free space beside the store", statistics.free_bytes)
            yield GaugeMetricFamily(
                "hydrosight_store_damaged", "Blocks and records found damaged since start", statistics.damaged
            )
            yield from _wear_metrics(statistics.wear)


def _source_metrics(sources: Mapping[str, SourceCounters]) -> Iterator[Metric]:
    if not sources:
        return
    for name, what in (
        ("readings", "Readings that a source delivered"),
        ("late_polls", "Polls left out because the one before took too long"),
        ("malformed", "Messages that weren't understood"),
        ("unknown", "Values of sensors that the machine doesn't have"),
        ("reconnects", "Connections after the first"),
    ):
        counted = CounterMetricFamily(f"hydrosight_source_{name}", what, labels=["source"])
        for source, counters in sources.items():
            counted.add_metric([source], getattr(counters, name))
        yield counted
    exceptions = CounterMetricFamily(
        "hydrosight_modbus_exceptions", "Modbus exceptions that devices answered", labels=["source", "code"]
    )
    for source, counters in sources.items():
        for code, count in counters.exceptions.items():
            exceptions.add_metric([source, str(code)], count)
    yield exceptions


def _sync_metrics(figures: SyncFigures) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("hydrosight_uplink_pending", "Records waiting for the centre", labels=["lane"])
    sent = GaugeMetricFamily(
        "hydrosight_uplink_sent_bytes_today", "Sent to the centre on this UTC day", labels=["lane"]
    )
    for lane, content in figures.lanes.items():
        waiting.add_metric([lane], content.records)
        sent.add_metric([lane], figures.today[lane].bytes)
    yield waiting
    yield sent
    yield GaugeMetricFamily("hydrosight_dead_letters", "Records that the centre refused", figures.dead_letters)


def _wear_metrics(wear: Wear | None) -> Iterator[Metric]:
    if wear is None:
        return
    yield CounterMetricFamily("hydrosight_store_written_bytes", "Written to the disk for the store", wear.total_bytes)
    yield GaugeMetricFamily(
        "hydrosight_store_written_bytes_per_day", "Written to the disk for the store, a day", wear.bytes_per_day
    )
    if wear.amplification is not None:
        yield GaugeMetricFamily(
            "hydrosight_store_write_amplification", "Bytes written for each byte stored", wear.amplification
        )


def _sensor_metrics(snapshot: Snapshot) -> Iterator[Metric]:
    healthy = GaugeMetricFamily("hydrosight_sensor_healthy", "1 when a sensor's readings are good", labels=["sensor"])
    lowered = CounterMetricFamily(
        "hydrosight_sensor_readings_lowered", "Readings that weren't good since start", labels=["sensor", "reason"]
    )
    for sensor in snapshot.sensors:
        healthy.add_metric([sensor.sensor], float(sensor.well))
        for reason, count in sensor.counts.items():
            lowered.add_metric([sensor.sensor, reason.name.lower()], count)
    yield healthy
    yield lowered


def _diagnosis_metrics(snapshot: Snapshot) -> Iterator[Metric]:
    diagnosis = snapshot.last_diagnosis
    if diagnosis is None:
        return
    health = GaugeMetricFamily("hydrosight_component_health", "Health 0-1 by component", labels=["component"])
    for component in diagnosis.components:
        if component.health is not None:
            health.add_metric([component.component], component.health)
    yield health
    yield from _trend_metrics(diagnosis)
    if diagnosis.overall_health is not None:
        yield GaugeMetricFamily("hydrosight_overall_health", "Health 0-1 of the machine", diagnosis.overall_health)
    yield GaugeMetricFamily(
        "hydrosight_inference_seconds", "Duration of the last inference", diagnosis.inference_ms / 1e3
    )


def _trend_metrics(diagnosis: Diagnosis) -> Iterator[Metric]:
    loss = GaugeMetricFamily(
        "hydrosight_component_loss_per_day", "Health lost a day, where that is a trend", labels=["component"]
    )
    remaining = GaugeMetricFamily(
        "hydrosight_component_remaining_seconds", "Time until health falls below 0.5", labels=["component", "quantile"]
    )
    for component in diagnosis.components:
        trend = component.trend
        if trend is None or trend.loss_per_day is None or not trend.significant:
            continue
        loss.add_metric([component.component], trend.loss_per_day)
        life = trend.remaining_life
        for quantile, days in (("0.1", life.p10_days), ("0.5", life.p50_days), ("0.9", life.p90_days)):
            if days is not None:
                remaining.add_metric([component.component, quantile], days * _DAY_S)
    yield loss
    yield remaining
