"""The agent's own HTTP server, on loopback: /healthz, /readyz, /status and /metrics.

It runs in a thread of its own and only reads snapshots, so that a busy agent still answers.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from agent.settings import HealthSettings
from agent.status import AgentStatus, Snapshot
from agent.store.statistics import BufferStatistics
from edge_runtime.errors import ConfigurationError

TASK_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class HealthView:
    """What the server shows. `statistics` gives the store's figures as last measured, None before the first time."""

    status: AgentStatus
    statistics: Callable[[], BufferStatistics | None]

    def alive(self) -> tuple[bool, dict[str, object]]:
        """Every task has made progress of late."""
        silent = self.status.silent_tasks(TASK_LIMIT_S)
        return not silent, {"alive": not silent, "silent_tasks": silent}

    def ready(self) -> tuple[bool, dict[str, object]]:
        """The store and the model work and at least one source delivers."""
        conditions = self.status.snapshot().conditions
        sources = [condition.healthy for part, condition in conditions.items() if part.startswith("source ")]
        needed = [name for name in ("store", "model") if name not in conditions or not conditions[name].healthy]
        ready = not needed and any(sources)
        return ready, {"ready": ready, "failing": needed, "sources_healthy": sum(sources), "sources": len(sources)}

    def document(self) -> dict[str, object]:
        """All that `hydrosight status` shows."""
        snapshot = self.status.snapshot()
        statistics = self.statistics()
        return {
            "readings": snapshot.readings,
            "windows": snapshot.windows,
            "alerts": snapshot.alerts,
            "last_reading_us": snapshot.last_reading_us,
            "conditions": {
                part: {"healthy": c.healthy, "message": c.message, "hint": c.hint}
                for part, c in sorted(snapshot.conditions.items())
            },
            "diagnosis": snapshot.last_diagnosis.model_dump(mode="json") if snapshot.last_diagnosis else None,
            "buffer": asdict(statistics) if statistics else None,
        }


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
        yield from _diagnosis_metrics(snapshot)
        statistics = self._view.statistics()
        if statistics:
            yield GaugeMetricFamily("hydrosight_store_bytes", "Size of the local store", statistics.file_bytes)
            yield GaugeMetricFamily(
                "hydrosight_outbox_pending", "Records waiting for the centre", statistics.outbox_pending
            )
            yield GaugeMetricFamily("hydrosight_disk_free_bytes", "Free space beside the store", statistics.free_bytes)


def _diagnosis_metrics(snapshot: Snapshot) -> Iterator[Metric]:
    diagnosis = snapshot.last_diagnosis
    if diagnosis is None:
        return
    health = GaugeMetricFamily("hydrosight_component_health", "Health 0-1 by component", labels=["component"])
    for component in diagnosis.components:
        if component.health is not None:
            health.add_metric([component.component], component.health)
    yield health
    if diagnosis.overall_health is not None:
        yield GaugeMetricFamily("hydrosight_overall_health", "Health 0-1 of the machine", diagnosis.overall_health)
    yield GaugeMetricFamily(
        "hydrosight_inference_seconds", "Duration of the last inference", diagnosis.inference_ms / 1e3
    )


class HealthServer:
    """Serves a view until closed; a context manager."""

    def __init__(self, settings: HealthSettings, view: HealthView) -> None:
        registry = CollectorRegistry()
        registry.register(_Metrics(view))

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                match self.path.split("?")[0]:
                    case "/healthz":
                        self._json(*view.alive())
                    case "/readyz":
                        self._json(*view.ready())
                    case "/status":
                        self._json(True, view.document())
                    case "/metrics":
                        self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
                    case _:
                        self._answer(404, "text/plain", b"try /healthz /readyz /status /metrics\n")

            def _json(self, good: bool, document: dict[str, object]) -> None:
                self._answer(200 if good else 503, "application/json", json.dumps(document).encode())

            def _answer(self, code: int, content_type: str, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Requests aren't logged."""

        try:
            self._server = ThreadingHTTPServer((settings.host, settings.port), Handler)
        except OSError as error:
            raise ConfigurationError(
                f"health: can't listen on {settings.host}:{settings.port}: {error.strerror}",
                hint="Set health.port to a free port (0 picks one); is another agent running?",
            ) from error
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
