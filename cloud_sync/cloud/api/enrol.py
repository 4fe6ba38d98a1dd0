"""POST /api/v1/enrol and /api/v1/credential/rotate: how a box gets a credential of its own, and the next one."""

import msgspec
import structlog
from fastapi import APIRouter, Request, Response, Security

from cloud_sync.cloud.access import credentials
from cloud_sync.cloud.access import enrolment as access
from cloud_sync.cloud.access.secret import bearer
from cloud_sync.cloud.api.openapi import message
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import BOX
from cloud_sync.cloud.load.body_limit import MAX_JSON_BYTES
from cloud_sync.cloud.metrics import CentreMetrics
from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.database import Database
from cloud_sync.wire import Enrolment, EnrolmentRequest, decode_json
from edge_runtime.errors import CredentialError, RefusedError, WireError

_EXAMPLE = EnrolmentRequest("hse_1d0c1c5f5e3a_…", "press-7", "0.2.0", "name: press-7\ncomponents: …\n")
_log = structlog.get_logger(__name__)


def enrol_api(database: Database, settings: CloudSettings, metrics: CentreMetrics) -> APIRouter:
    """The route of enrolment."""
    router = APIRouter(prefix="/api/v1", tags=["boxes"])

    @router.post(
        "/enrol",
        summary="Turn a one-time token into a credential",
        description="For a box that has none yet. A machine has one box: the credential of the one before ends.",
        response_model=None,
        responses={200: {"content": message(Enrolment)}, **problems(401, 403, 429, 503)},
        openapi_extra={"requestBody": {"required": True, "content": message(EnrolmentRequest, _EXAMPLE)}},
    )
    async def enrol(request: Request) -> Response:
        body = await request.body()
        try:
            enrolment_request = decode_json(body, EnrolmentRequest)
            _check(enrolment_request)
            async with database.transaction() as connection:
                enrolment = await access.enrol(connection, enrolment_request, settings.credential_lifetime)
        except (CredentialError, RefusedError, WireError) as error:
            metrics.enrolments.labels("refused").inc()
            _log.warning("enrolment refused", reason=str(error))
            raise
        metrics.enrolments.labels("accepted").inc()
        _log.info("enrolled", agent=enrolment.agent, machine=enrolment.machine)
        return Response(msgspec.json.encode(enrolment), media_type="application/json")

    @router.post(
        "/credential/rotate",
        summary="A successor of the credential that is shown",
        description="The former is accepted until the successor was used, and for ten minutes after that.",
        response_model=None,
        responses={200: {"content": message(Enrolment)}},
        dependencies=[Security(BOX)],
    )
    async def rotate(request: Request) -> Response:
        credential = bearer(request.headers.get("authorization"))
        async with database.transaction() as connection:
            successor = await credentials.rotate(connection, credential, settings.credential_lifetime)
        metrics.rotations.inc()
        _log.info("credential renewed", agent=successor.agent, machine=successor.machine)
        return Response(msgspec.json.encode(successor), media_type="application/json")

    return router


def _check(request: EnrolmentRequest) -> None:
    for name, text, limit in (
        ("agent_version", request.agent_version, 64),
        ("machine_file", request.machine_file, MAX_JSON_BYTES),
    ):
        if "\0" in text or len(text) > limit:
            raise RefusedError(
                f"{name}: text of up to {limit} characters is needed, without NUL",
                status=422,
                hint="Is the box Hydrosight?",
            )
