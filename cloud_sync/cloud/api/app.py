"""The centre's HTTP service, put together. Stateless: run as many as needed before one database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from cloud_sync.batch_codec import MAX_COMPRESSED_BYTES
from cloud_sync.cloud.api import problem
from cloud_sync.cloud.api.agents import agent_api
from cloud_sync.cloud.api.audit import audit_api
from cloud_sync.cloud.api.components import component_api
from cloud_sync.cloud.api.enrol import enrol_api
from cloud_sync.cloud.api.gaps import gap_api
from cloud_sync.cloud.api.health import health_api
from cloud_sync.cloud.api.history import history_api
from cloud_sync.cloud.api.inference import inference_api
from cloud_sync.cloud.api.ingest import INGEST, ingest_api
from cloud_sync.cloud.api.labels import label_api
from cloud_sync.cloud.api.ledger import ledger_api
from cloud_sync.cloud.api.misdated import misdated_api
from cloud_sync.cloud.api.models import model_api
from cloud_sync.cloud.api.offer import offer_api
from cloud_sync.cloud.api.openapi import TAGS, DescribedApi
from cloud_sync.cloud.api.read import read_api
from cloud_sync.cloud.api.request_trace import RequestTrace
from cloud_sync.cloud.api.rollouts import rollout_api
from cloud_sync.cloud.api.unknown_fields import unknown_fields_api
from cloud_sync.cloud.api.windows import window_api
from cloud_sync.cloud.inference.engine import InferenceEngine, batch_limits
from cloud_sync.cloud.inference.model_shelf import ModelShelf
from cloud_sync.cloud.inference.worker_process import WorkerProcess
from cloud_sync.cloud.load.body_limit import BodyLimit
from cloud_sync.cloud.load.ingest_load import IngestLoad
from cloud_sync.cloud.load.rate_limit import RateLimit
from cloud_sync.cloud.load.rate_limiter import open_rate_limiter
from cloud_sync.cloud.metrics import CentreMetrics
from cloud_sync.cloud.rollout.watch import HALT_EVERY_S, halt_failing
from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.retention import PRUNE_EVERY_S, prune_and_log
from edge_runtime.errors import BundleError, ConfigurationError

_READING = (
    ledger_api,
    read_api,
    component_api,
    window_api,
    agent_api,
    gap_api,
    history_api,
    label_api,
    audit_api,
    unknown_fields_api,
    misdated_api,
)
"""What needs nothing but the database."""


class _Folder(StaticFiles):
    """A folder served read-only; empty (404) while it isn't there yet."""

    async def check_config(self) -> None:
        return


def create_app(settings: CloudSettings, metrics: CentreMetrics | None = None) -> FastAPI:
    """The service for these settings.

    Raises:
        ConfigurationError: no database is set, or the folder of models isn't there.
    """
    database = Database(settings)
    metrics = metrics or CentreMetrics()
    limiter = open_rate_limiter(settings)
    metrics.rate_limits_shared.set_function(lambda: float(limiter.shared))
    metrics.database_up.set_function(lambda: float(database.breaker.closed))
    metrics.database_breaker.set_function(lambda: database.breaker.state.openness)
    metrics.connections_in_use.set_function(lambda: database.connections_in_use)
    metrics.connections_wanted.set_function(lambda: database.connections_wanted)
    load = IngestLoad.for_settings(settings)
    metrics.ingests.labels("running").set_function(lambda: load.turns.running)
    metrics.ingests.labels("waiting").set_function(lambda: load.turns.waiting)

    shelf = ModelShelf(settings)
    engine = InferenceEngine(
        batch_limits(settings),
        metrics,
        WorkerProcess.start,
        processes=settings.inference_processes,
        worker_timeout_s=settings.inference_worker_timeout_s,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await database.open()
        if settings.inference_bundle or settings.tuf_repository:
            with suppress(BundleError):  # whoever asks will hear it
                await engine.warm_up(await shelf.given())
        tasks = [
            asyncio.create_task(database.watch(), name="database watch"),
            asyncio.create_task(database.regularly(PRUNE_EVERY_S, "retention", partial(prune_and_log, settings))),
            asyncio.create_task(database.regularly(HALT_EVERY_S, "roll-outs", halt_failing)),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await engine.close()
        shelf.close()
        await database.close()
        await limiter.close()

    app = DescribedApi(
        title="Hydrosight centre",
        description="Enrolment and ingest for boxes; machines, diagnoses, windows, alerts and ledgers for operators.",
        version="1",
        openapi_tags=TAGS,
        lifespan=lifespan,
    )
    app.add_middleware(BodyLimit, limits={INGEST: MAX_COMPRESSED_BYTES}, timeout_s=settings.body_timeout_s)
    app.add_middleware(RateLimit, limiter=limiter, metrics=metrics)
    app.add_middleware(RequestTrace)
    problem.install(app, settings.retry_after_s, lambda bottleneck: metrics.refused_for_load.labels(bottleneck).inc())
    app.include_router(enrol_api(database, settings, metrics))
    app.include_router(ingest_api(database, settings, load, metrics))
    app.include_router(offer_api(database, settings))
    for reading in _READING:
        app.include_router(reading(database))
    app.include_router(inference_api(database, settings, shelf, engine, metrics))
    app.include_router(model_api(database, settings.tuf_repository))
    app.include_router(rollout_api(database, settings.tuf_repository))
    app.include_router(health_api(database, load.turns, metrics, settings.retry_after_s))
    if settings.tuf_repository is not None:
        if not settings.tuf_repository.is_dir():
            raise ConfigurationError(
                f"tuf_repository: there is no folder {settings.tuf_repository}",
                hint="Make the repository first: hydrosight-cloud model init, as docs/model-updates.md shows.",
            )
        for folder in ("metadata", "targets"):
            files = _Folder(directory=settings.tuf_repository / folder, check_dir=False)
            app.mount(f"/tuf/{folder}", files, name=f"tuf-{folder}")

    return app
