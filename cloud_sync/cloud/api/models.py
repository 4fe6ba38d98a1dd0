"""/api/v1/admin: the signed models, and how one is rolled out.

Nothing is signed here: a roll-out chooses among models that were signed where the keys are.
"""

import asyncio
from pathlib import Path

from fastapi import APIRouter, Request, Security

from cloud_sync.cloud.access.operators import Role, authorise
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.registry.models import Registry
from cloud_sync.cloud.rollout import acts
from cloud_sync.cloud.rollout.models import ModelAtWork, models_at_work
from cloud_sync.cloud.rollout.plan import Plan, Rollout
from cloud_sync.cloud.store.database import Database
from cloud_sync.model_target import ModelTarget
from edge_runtime.errors import RefusedError


class Deployment(Plan):
    """A plan; with `start` it is begun at once, else it waits for `activate`."""

    start: bool = True

    @property
    def plan(self) -> Plan:
        """Without the start."""
        return Plan.model_validate(self.model_dump(exclude={"start"}))


def model_api(database: Database, repository: Path | None) -> APIRouter:
    """Routes for models. A viewer lists them; an admin deploys, one of the whole centre: roll-outs reach all tenants.

    `repository` is that of the signed models.
    """
    router = APIRouter(
        prefix="/api/v1/admin", tags=["admins"], dependencies=[Security(PERSON)], responses=problems(409)
    )

    @router.get("/models", summary="The signed models, and how many machines run each")
    async def models(request: Request) -> list[ModelAtWork]:
        async with database.transaction() as connection:
            await authorise(connection, request)
            return await models_at_work(connection, await published(repository))

    @router.post("/model/deploy", summary="Roll out a signed model", status_code=201)
    async def deploy(request: Request, deployment: Deployment) -> Rollout:
        async with database.transaction() as connection:
            admin = await authorise(connection, request, Role.ADMIN, of_centre=True)
            signed = await published(repository)
            return await acts.deploy(connection, deployment.plan, signed, admin.name, start=deployment.start)

    return router


async def published(repository: Path | None) -> list[ModelTarget]:
    """What the signed repository offers.

    Raises:
        RefusedError: this centre has none, or nothing in it yet (409).
        ConfigurationError: it is damaged.
    """
    if repository is None:
        raise RefusedError(
            "this centre has no repository of signed models", status=409, hint="Set tuf_repository: docs/cloud.md."
        )
    registry = Registry(repository)
    if not registry.exists:
        raise RefusedError(
            "the repository of signed models is empty",
            status=409,
            hint="Bring what was signed: hydrosight-cloud model import FOLDER --root 1.root.json, as "
            "docs/model-updates.md shows.",
        )
    return await asyncio.to_thread(registry.models)
