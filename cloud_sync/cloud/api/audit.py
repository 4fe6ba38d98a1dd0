"""Who did what, for admins, over HTTP. The last first."""

from fastapi import APIRouter, Request, Response, Security

from cloud_sync.cloud.access.audit import Act, newest_acts
from cloud_sync.cloud.access.operators import Role, authorise
from cloud_sync.cloud.api.paging import BeforeId, Limit, lead_on
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.store.database import Database


def audit_api(database: Database) -> APIRouter:
    """The route for the audit; it needs an admin's token."""
    router = APIRouter(prefix="/api/v1/audit", tags=["admins"], dependencies=[Security(PERSON)])

    @router.get("", summary="Who gave, took or deleted what")
    async def acts(request: Request, response: Response, limit: Limit = 100, before: BeforeId = None) -> list[Act]:
        async with database.transaction() as connection:
            await authorise(connection, request, Role.ADMIN)
            page = await newest_acts(connection, limit=limit, before=before)
        if len(page) >= limit:
            lead_on(request, response, before=page[-1].id)
        return page

    return router
