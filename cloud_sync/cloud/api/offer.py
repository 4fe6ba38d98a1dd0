"""GET /api/v1/models/offer: which of the signed models is for the box that asks."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response, Security

from cloud_sync.cloud.access import credentials
from cloud_sync.cloud.access.secret import bearer
from cloud_sync.cloud.api.openapi import message
from cloud_sync.cloud.api.security import BOX
from cloud_sync.cloud.rollout.serving import offer
from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.database import Database
from cloud_sync.model_offer import OFFER_PATH, ModelOffer

Model = Annotated[
    str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="name of the model that it runs")
]


def offer_api(database: Database, settings: CloudSettings) -> APIRouter:
    """The route of offers; it needs a box's credential."""
    router = APIRouter(tags=["boxes"], dependencies=[Security(BOX)])

    @router.get(
        OFFER_PATH,
        summary="Which of the signed models is for this box",
        response_model=None,
        responses={200: {"content": message(ModelOffer)}},
    )
    async def offered(request: Request, model: Model) -> Response:
        async with database.transaction() as connection:
            identity = await credentials.authenticate(
                connection, bearer(request.headers.get("authorization")), settings.credential_lifetime
            )
            answer = await offer(connection, identity.machine, model)
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return router
