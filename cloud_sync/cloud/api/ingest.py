"""POST /api/v1/ingest: one batch, answered when it is on disk."""

import asyncio
import time
from datetime import timedelta

import msgspec
import structlog
from fastapi import APIRouter, Request, Response, Security
from starlette.requests import ClientDisconnect

from cloud_sync.batch_codec import CONTENT_TYPE, MAX_COMPRESSED_BYTES, decompress_batch, parse_batch
from cloud_sync.box_time import HEADER, BoxTime
from cloud_sync.cloud.access import credentials
from cloud_sync.cloud.access.secret import bearer
from cloud_sync.cloud.api.openapi import message
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import BOX
from cloud_sync.cloud.load.ingest_load import IngestLoad
from cloud_sync.cloud.metrics import CentreMetrics
from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.ingest import Delivery, Written, write_batch
from cloud_sync.cloud.store.rows import BatchRows, rows_of
from cloud_sync.unknown_fields import unknown_fields
from cloud_sync.wire import Acknowledgement, Batch
from edge_runtime.errors import CredentialError, DatabaseError, RefusedError, WireError

INGEST = "/api/v1/ingest"
_log = structlog.get_logger(__name__)


def ingest_api(database: Database, settings: CloudSettings, load: IngestLoad, metrics: CentreMetrics) -> APIRouter:
    """The route of ingest."""
    router = APIRouter(prefix="/api/v1", tags=["boxes"], dependencies=[Security(BOX)])

    @router.post(
        "/ingest",
        summary="Hand over one batch; answered when it is on disk",
        description="msgpack of a batch (cloud_sync/wire.py) in zstd frames. A batch that is here already is "
        "acknowledged again and adds nothing.",
        response_model=None,
        responses={200: {"content": message(Acknowledgement)}, **problems(403, 409, 415)},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def ingest(request: Request) -> Response:
        machine = None
        try:
            async with load.doors.turn(), database.transaction() as connection:  # before the body is read
                identity = await credentials.authenticate(
                    connection, bearer(request.headers.get("authorization")), settings.credential_lifetime
                )
            machine = identity.machine
            said = Delivery(
                request.state.trace_id,
                BoxTime.read(request.headers.get(HEADER)),
                timedelta(minutes=settings.clock_tolerance_minutes),
            )
            _check_form(request)
            async with load.bodies.turn(_declared_size(request)):
                body = await _whole_body(request)
                started = time.monotonic()
                async with load.turns.turn():
                    raw = await asyncio.to_thread(decompress_batch, body)
                    async with load.parsing.turn(len(raw)):
                        batch, rows = await asyncio.to_thread(_parse, raw, identity.machine)
                        async with database.transaction() as connection:
                            written = await write_batch(connection, identity, batch, rows, said)
        except (CredentialError, RefusedError, WireError) as error:
            metrics.batches.labels("refused").inc()
            _log.warning("batch refused", machine=machine, reason=str(error))
            raise
        except DatabaseError:
            metrics.batches.labels("failed").inc()
            raise
        metrics.ingest_seconds.observe(time.monotonic() - started)
        _count(metrics, written, len(body), backlog=batch.backlog)
        return Response(msgspec.json.encode(written.acknowledgement), media_type="application/json")

    return router


def _check_form(request: Request) -> None:
    if request.headers.get("content-type", "").partition(";")[0].strip() != CONTENT_TYPE:
        raise RefusedError("the body isn't a batch", status=415, hint=f"Send it as Content-Type: {CONTENT_TYPE}")


async def _whole_body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise RefusedError("the connection ended within the body", status=400, hint="Send it again, whole.") from error


def _declared_size(request: Request) -> int:
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() else MAX_COMPRESSED_BYTES


def _parse(raw: bytes, machine: str) -> tuple[Batch, BatchRows]:
    batch = parse_batch(raw)
    return batch, rows_of(batch, machine, unknown_fields(raw))


def _count(metrics: CentreMetrics, written: Written, size: int, *, backlog: bool) -> None:
    if written.acknowledgement.duplicate:
        metrics.batches.labels("duplicate").inc()
        return
    metrics.batches.labels("committed").inc()
    metrics.bytes.inc(size)
    metrics.backlog_batches.inc(backlog)
    metrics.samples.inc(written.rows.samples)
    metrics.diagnoses.inc(len(written.rows.diagnoses))
    metrics.alerts.inc(len(written.rows.alerts))
    metrics.unknown_records.inc(len(written.rows.unknown))
    metrics.misdated_records.inc(written.misdated)
