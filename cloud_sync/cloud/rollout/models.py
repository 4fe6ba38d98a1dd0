"""The signed models at a glance: which machines run each, and which roll-out brings it."""

from collections import Counter
from collections.abc import Sequence

import psycopg
from pydantic import BaseModel

from cloud_sync.cloud.rollout.plan import State
from cloud_sync.cloud.rollout.store import newest
from cloud_sync.cloud.store.queries import load_queries
from cloud_sync.model_target import ModelTarget

_QUERIES = load_queries("rollouts.sql")


class ModelAtWork(BaseModel):
    """A signed model. `machines` run it, by their newest diagnosis; `rollout` is the latest that brings it, if any."""

    name: str
    version: str
    release: int
    minimum_agent_version: str
    manifest_sha256: str
    machines: int
    rollout: int | None
    state: State | None


async def models_at_work(connection: psycopg.AsyncConnection, published: Sequence[ModelTarget]) -> list[ModelAtWork]:
    """Every published model, by name and release."""
    running = Counter({(row[0], row[1]): row[2] for row in await _rows(connection)})
    latest = {(rollout.model, rollout.version): rollout for rollout in reversed(await newest(connection))}
    return [
        ModelAtWork(
            **model.model_dump(),
            machines=running[model.name, model.version],
            rollout=rollout.id if rollout else None,
            state=rollout.state if rollout else None,
        )
        for model in published
        for rollout in [latest.get((model.name, model.version))]
    ]


async def _rows(connection: psycopg.AsyncConnection) -> list[tuple[str, str, int]]:
    return await (await connection.execute(_QUERIES["machines_by_model"])).fetchall()
