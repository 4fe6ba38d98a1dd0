"""What the centre counts, for Prometheus; docs/metrics.md explains each."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class CentreMetrics:
    """Counters of one server process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.batches = Counter(
            "hydrosight_centre_batches",
            "Batches, by result: committed, duplicate, refused (the box's fault) or failed (ours).",
            ["result"],
            registry=self._registry,
        )
        self.bytes = Counter(
            "hydrosight_centre_batch_bytes", "Compressed bytes of committed batches.", registry=self._registry
        )
        self.samples = Counter(
            "hydrosight_centre_samples", "Samples in windows of committed batches.", registry=self._registry
        )
        self.diagnoses = Counter(
            "hydrosight_centre_diagnoses", "Diagnoses in committed batches.", registry=self._registry
        )
        self.alerts = Counter("hydrosight_centre_alerts", "Alerts in committed batches.", registry=self._registry)
        self.ingest_seconds = Histogram(
            "hydrosight_centre_ingest_seconds",
            "From the whole body received to committed.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self._registry,
        )
        self.ingests = Gauge(
            "hydrosight_centre_ingests",
            "Batches in hand, by state: running (decoded or written) or waiting for their turn.",
            ["state"],
            registry=self._registry,
        )
        self.enrolments = Counter(
            "hydrosight_centre_enrolments",
            "Enrolments, by result: accepted or refused.",
            ["result"],
            registry=self._registry,
        )
        self.rotations = Counter(
            "hydrosight_centre_credential_rotations", "Credentials that boxes renewed.", registry=self._registry
        )
        self.backlog_batches = Counter(
            "hydrosight_centre_backlog_batches",
            "Committed batches of what an outage had left behind.",
            registry=self._registry,
        )
        self.refused_for_load = Counter(
            "hydrosight_centre_refused_for_load",
            "Requests told to come again, by why: boxes, operators, inference or strangers (429: over that budget), "
            "connections, ingest, database or another bottleneck (503: all at once are too many).",
            ["reason"],
            registry=self._registry,
        )
        self.rate_limits_shared = Gauge(
            "hydrosight_centre_rate_limits_shared",
            "1 while requests are counted in Redis, for all servers together.",
            registry=self._registry,
        )
        self.misdated_records = Counter(
            "hydrosight_centre_misdated_records",
            "Windows and diagnoses of committed batches that were set apart, because their time can't be right.",
            registry=self._registry,
        )
        self.unknown_records = Counter(
            "hydrosight_centre_unknown_records",
            "Records of committed batches with fields that this centre doesn't know, and keeps.",
            registry=self._registry,
        )
        self.inference_waiting = Gauge(
            "hydrosight_centre_inference_waiting",
            "Windows that wait to be diagnosed, by lane: single or range.",
            ["lane"],
            registry=self._registry,
        )
        self.inference_batch_windows = Histogram(
            "hydrosight_centre_inference_batch_windows",
            "Windows that were diagnosed together.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            registry=self._registry,
        )
        self.inference_workers_lost = Counter(
            "hydrosight_centre_inference_workers_lost",
            "Processes that ended, failed or didn't answer in time; another took the place of each.",
            registry=self._registry,
        )
        self.inference_seconds = Histogram(
            "hydrosight_centre_inference_seconds",
            "From a request for one window to its answer.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self._registry,
        )
        self.database_up = Gauge(
            "hydrosight_centre_database_up",
            "1 when the database answers and has this server's schema.",
            registry=self._registry,
        )

        self.database_breaker = Gauge(
            "hydrosight_centre_database_breaker",
            "The circuit breaker before the database: 0 closed, 0.5 half open (trying), 1 open.",
            registry=self._registry,
        )
        self.connections_in_use = Gauge(
            "hydrosight_centre_database_connections_in_use",
            "Connections of the pool that requests work with.",
            registry=self._registry,
        )
        self.connections_wanted = Gauge(
            "hydrosight_centre_database_connections_wanted",
            "Requests that wait for a connection of the pool.",
            registry=self._registry,
        )

    def render(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)
