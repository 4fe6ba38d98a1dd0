"""Roll-outs in the database. Every function takes a connection that is in a transaction."""

from collections.abc import Sequence
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from cloud_sync.cloud.rollout.plan import Plan, Rollout, State
from cloud_sync.cloud.rollout.progress import MachineSeen
from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.errors import RefusedError

_QUERIES = load_queries("rollouts.sql")
_SEE = "See: hydrosight-cloud rollout status"


async def set_up(connection: psycopg.AsyncConnection, plan: Plan, who: str) -> Rollout:
    """Note a plan; nobody is offered anything yet.

    Raises:
        RefusedError: another roll-out of the same model is still open (409).
    """
    try:
        return await _one(connection, "insert", **plan.model_dump(mode="json") | {"created_by": who})
    except psycopg.errors.UniqueViolation as error:
        raise RefusedError(
            f"another roll-out of model {plan.model} is open", status=409, hint=f"End it first. {_SEE}"
        ) from error


async def find(connection: psycopg.AsyncConnection, number: int) -> Rollout:
    """One roll-out.

    Raises:
        RefusedError: there is none of that number (404).
    """
    return await _one(connection, "one", id=number)


async def locked(connection: psycopg.AsyncConnection, number: int) -> Rollout:
    """One roll-out, which nobody else changes until the transaction ends.

    Raises:
        RefusedError: there is none of that number (404).
    """
    return await _one(connection, "locked", id=number)


async def of_model(connection: psycopg.AsyncConnection, model: str) -> list[Rollout]:
    """All of one model, the latest first."""
    return await _all(connection, "of_model", model=model)


async def newest(connection: psycopg.AsyncConnection, *, limit: int = 100) -> list[Rollout]:
    """The latest first."""
    return await _all(connection, "newest", limit=limit)


async def fleet_of_model(connection: psycopg.AsyncConnection, model: str) -> tuple[list[MachineSeen], datetime]:
    """What is known of every machine with that model, by name, and what time it is by the database's clock."""
    async with connection.cursor(row_factory=class_row(MachineSeen)) as cursor:
        await cursor.execute(_QUERIES["fleet_of_model"], {"model": model})
        fleet = await cursor.fetchall()
    row = await (await connection.execute(_QUERIES["now"])).fetchone()
    assert row is not None  # noqa: S101  it always has one
    return fleet, row[0]


async def activate(
    connection: psycopg.AsyncConnection, rollout: Rollout, known_failures: Sequence[str] = ()
) -> Rollout:
    """Begin with a planned one, or go on with a paused one, although it has failed on these machines.

    Raises:
        RefusedError: it is neither (409).
    """
    _must_be(rollout, State.PLANNED, State.PAUSED)
    return await _one(connection, "activate", id=rollout.id, known_failures=list(known_failures))


async def open_next_wave(connection: psycopg.AsyncConnection, rollout: Rollout) -> Rollout:
    """Open the next wave of an active one; after the last it is done. Whether it may is for `gate` to say.

    Raises:
        RefusedError: it isn't active (409).
    """
    _must_be(rollout, State.ACTIVE)
    if rollout.at_last_wave:
        return await _one(connection, "end", id=rollout.id, state=State.DONE, reason="")
    return await _one(connection, "open_wave", id=rollout.id)


async def pause(connection: psycopg.AsyncConnection, rollout: Rollout, reason: str) -> Rollout:
    """Let no further box begin with it.

    Raises:
        RefusedError: it isn't active (409).
    """
    _must_be(rollout, State.ACTIVE)
    return await _one(connection, "end", id=rollout.id, state=State.PAUSED, reason=reason)


async def give_up(connection: psycopg.AsyncConnection, rollout: Rollout, reason: str) -> Rollout:
    """Offer it to nobody any more. Boxes that run it go on with it until they are offered a higher release.

    Raises:
        RefusedError: it was rolled back before (409).
    """
    _must_be(rollout, State.PLANNED, State.ACTIVE, State.PAUSED, State.DONE)
    return await _one(connection, "end", id=rollout.id, state=State.ROLLED_BACK, reason=reason)


def _must_be(rollout: Rollout, *states: State) -> None:
    if rollout.state not in states:
        raise RefusedError(
            f"roll-out {rollout.id} of {rollout.model} {rollout.version} is {rollout.state.replace('_', ' ')}",
            status=409,
            hint=f"This is for one that is {' or '.join(states)}. {_SEE}",
        )


async def _one(connection: psycopg.AsyncConnection, query: str, **values: object) -> Rollout:
    found = await _all(connection, query, **values)
    if not found:
        raise RefusedError(f"there is no roll-out {values.get('id')}", status=404, hint=_SEE)
    return found[0]


async def _all(connection: psycopg.AsyncConnection, query: str, **values: object) -> list[Rollout]:
    async with connection.cursor(row_factory=class_row(Rollout)) as cursor:
        await cursor.execute(_QUERIES[query], values)
        return await cursor.fetchall()
