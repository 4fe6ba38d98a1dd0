"""The boxes, as the centre knows them."""

from datetime import datetime
from enum import StrEnum

import psycopg
from psycopg.rows import class_row
from pydantic import BaseModel, computed_field

from cloud_sync.cloud.store.queries import load_queries

_QUERIES = load_queries("agents.sql")


class AgentState(StrEnum):
    """Whether a box may and does send."""

    ENROLLED = "enrolled"
    """It has a credential, and has sent nothing yet."""
    ACTIVE = "active"
    """It has sent; `last_seen` says when last."""
    EXPIRED = "expired"
    """Its credential has: enrol it again."""
    REVOKED = "revoked"
    """It is refused; another box may have its machine."""


class Agent(BaseModel):
    """One box, from an enrolment to its revocation.

    Attributes:
        last_seen: when it last handed over a batch, by the database's clock.
        expires_at: end of its credential; null for none.
        clock_state: how far it trusted its clock with its last batch (synced, bounded, suspect); null before one.
        clock_offset_s: how far that was ahead of the database's then, seconds.
    """

    id: str
    machine: str
    agent_version: str
    enrolled_at: datetime
    last_seen: datetime | None
    revoked_at: datetime | None
    expires_at: datetime | None
    expired: bool
    clock_state: str | None
    clock_offset_s: float | None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def state(self) -> AgentState:
        """Whether it may and does send."""
        if self.revoked_at is not None:
            return AgentState.REVOKED
        if self.expired:
            return AgentState.EXPIRED
        return AgentState.ENROLLED if self.last_seen is None else AgentState.ACTIVE


async def newest_agents(
    connection: psycopg.AsyncConnection,
    *,
    limit: int,
    before: datetime | None = None,
    machine: str | None = None,
    revoked: bool = False,
) -> list[Agent]:
    """Boxes, the one that enrolled last first; `revoked` ones only if asked for."""
    return await _read(connection, id=None, machine=machine, revoked=revoked, before=before, limit=limit)


async def find_agent(connection: psycopg.AsyncConnection, identity: str) -> Agent | None:
    """The box of this id, also a revoked one."""
    found = await _read(connection, id=identity, machine=None, revoked=True, before=None, limit=1)
    return found[0] if found else None


async def _read(connection: psycopg.AsyncConnection, **values: object) -> list[Agent]:
    async with connection.cursor(row_factory=class_row(Agent)) as cursor:
        await cursor.execute(_QUERIES["agents"], values)
        return await cursor.fetchall()
