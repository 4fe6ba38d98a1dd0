"""Which model serves a machine: what its box is offered, and what the centre itself diagnoses its windows with."""

from collections.abc import Sequence

import psycopg

from cloud_sync.cloud.rollout.plan import State, deciding
from cloud_sync.cloud.rollout.store import of_model
from cloud_sync.cloud.store.queries import load_queries
from cloud_sync.model_offer import ModelOffer, OfferKind
from cloud_sync.model_target import ModelTarget

_QUERIES = load_queries("rollouts.sql")
_OFFERED = frozenset({State.ACTIVE, State.DONE})
_SERVED = _OFFERED | {State.PAUSED}


async def offer(connection: psycopg.AsyncConnection, machine: str, model: str) -> ModelOffer:
    """What a machine's box is offered of the model that it runs; what it was answered is noted.

    A model that never had a roll-out is offered as it is published. From the first one on roll-outs alone decide.
    """
    rollouts = await of_model(connection, model)
    rollout, version = deciding(rollouts, machine, _OFFERED)
    if rollout is not None and version is not None:
        answer = ModelOffer(model, OfferKind.VERSION, version, rollout.id)
    else:
        answer = ModelOffer(model, OfferKind.NOTHING if rollouts else OfferKind.NEWEST)
    noted = {"machine": machine, "model": model, "rollout": answer.rollout or None, "version": answer.version}
    await connection.execute(_QUERIES["note_offer"], noted)
    return answer


async def version_for(
    connection: psycopg.AsyncConnection, machine: str, published: Sequence[ModelTarget]
) -> ModelTarget | None:
    """The model that serves a machine, to diagnose its windows at the centre; None when nothing published fits.

    That of the roll-out that reaches it, also of a paused one; else what its box runs; else, where nothing is known of
    the box, the highest release that no roll-out is still trying.

    Args:
        connection: in a transaction.
        machine: its name.
        published: what the signed repository offers (`Registry.models`).
    """
    row = await (await connection.execute(_QUERIES["model_of_machine"], {"machine": machine})).fetchone()
    name, running = row or (None, None)
    names = {model.name for model in published}
    if name is None and len(names) == 1:
        name = names.pop()
    if name is None:
        return None
    by_version = {model.version: model for model in published if model.name == name}
    rollouts = await of_model(connection, name)
    _, version = deciding(rollouts, machine, _SERVED)
    if version is None and rollouts:
        version = running
    if version is not None and version in by_version:
        return by_version[version]
    tried = {rollout.version for rollout in rollouts if rollout.state is not State.DONE}
    settled = [model for model in by_version.values() if model.version not in tried]
    return max(settled, key=lambda model: model.release, default=None)
