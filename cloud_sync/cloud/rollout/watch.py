"""Every server looks after active roll-outs: one that fails on too many machines is paused before more boxes begin."""

import psycopg
import structlog

from cloud_sync.cloud.rollout import acts, store
from cloud_sync.cloud.rollout.plan import State

HALT_EVERY_S = 300.0
"""Boxes ask once an hour; looking more often would spare few of them."""
_log = structlog.get_logger(__name__)
_CENTRE = "centre"


async def halt_failing(connection: psycopg.AsyncConnection) -> None:
    """Pause each active roll-out whose failures are above its limit, and note it in the audit.

    Args:
        connection: in autocommit mode. Servers that look at the same time take turns.
    """
    for active in await store.newest(connection, limit=1000):
        if active.state is not State.ACTIVE:
            continue
        async with connection.transaction():
            rollout = await store.locked(connection, active.id)
            if halted := await acts.halt_where_needed(connection, rollout, _CENTRE):
                _log.warning("roll-out halted", rollout=halted.id, model=halted.model, version=halted.version,
                             reason=halted.reason)  # fmt: skip
