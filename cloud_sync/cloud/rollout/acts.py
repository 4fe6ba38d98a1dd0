"""What people do with roll-outs, each act with its entry in the audit; the API and the commands come here.

Every function takes a connection that is in a transaction, and the name of who does it.
"""

from collections.abc import Sequence

import psycopg

from cloud_sync.cloud.access.audit import note
from cloud_sync.cloud.rollout import store
from cloud_sync.cloud.rollout.plan import Plan, Rollout, State
from cloud_sync.cloud.rollout.status import status_of
from cloud_sync.model_target import ModelTarget
from edge_runtime.errors import RefusedError


async def deploy(
    connection: psycopg.AsyncConnection, plan: Plan, published: Sequence[ModelTarget], who: str, *, start: bool
) -> Rollout:
    """Set a roll-out up, and begin with it if `start`.

    Raises:
        RefusedError: a version isn't signed (422), is below what the fleet has had, or another roll-out is open (409).
    """
    releases = {model.version: model.release for model in published if model.name == plan.model}
    for version in filter(None, (plan.version, plan.against)):
        if version not in releases:
            raise RefusedError(
                f"model {plan.model} {version} is not signed",
                status=422,
                hint=f"Publish it where the keys are: hydrosight-cloud model publish. Signed: "
                f"{', '.join(sorted(releases)) or 'nothing of that name'}.",
            )
    for former in await store.of_model(connection, plan.model):
        if former.state is State.DONE and releases.get(former.version, 0) > releases[plan.version]:
            raise RefusedError(
                f"model {plan.model} {plan.version} is release {releases[plan.version]}; roll-out {former.id} brought "
                f"{former.version}, release {releases[former.version]}, and boxes never go to a lower one",
                status=409,
                hint=_sign_anew(plan.model, plan.version),
            )
    rollout = await store.set_up(connection, plan, who)
    await _note(connection, who, "plan", rollout, f"waves {', '.join(map(str, plan.percents))} %")
    return await activate(connection, rollout, who) if start else rollout


async def activate(connection: psycopg.AsyncConnection, rollout: Rollout, who: str) -> Rollout:
    """Begin with a planned roll-out, or go on with a paused one; what has failed so far is known then.

    Raises:
        RefusedError: it is neither (409).
    """
    failed = (await status_of(connection, rollout)).failed
    activated = await store.activate(connection, rollout, failed)
    detail = f"although it failed on {', '.join(failed)}" if failed else ""
    await _note(connection, who, "start" if rollout.state is State.PLANNED else "resume", activated, detail)
    return activated


async def advance(connection: psycopg.AsyncConnection, rollout: Rollout, who: str, *, anyway: str = "") -> Rollout:
    """Open the next wave; after the last one the roll-out is done.

    `anyway`: why it is to go on whatever stands against it.

    Raises:
        RefusedError: something does, and no reason is given; or it isn't active (409).
    """
    against = (await status_of(connection, rollout)).judgement.against_next
    if against and rollout.state is State.ACTIVE and not anyway:
        raise RefusedError(
            f"roll-out {rollout.id} of {rollout.model} {rollout.version} can't go on: {'; '.join(against)}",
            status=409,
            hint=f"Its machines: hydrosight-cloud rollout status {rollout.id}. Wait, roll it back, or go on with a "
            "reason: --anyway REASON.",
        )
    advanced = await store.open_next_wave(connection, rollout)
    what = "done" if advanced.state is State.DONE else f"wave of {advanced.percents[advanced.wave]} %"
    overruled = f", anyway: {anyway} ({'; '.join(against)})" if against else ""
    await _note(connection, who, "advance", advanced, what + overruled)
    return advanced


async def pause(connection: psycopg.AsyncConnection, rollout: Rollout, who: str, reason: str) -> Rollout:
    """Let no further box begin with it.

    Raises:
        RefusedError: it isn't active (409).
    """
    paused = await store.pause(connection, rollout, reason)
    await _note(connection, who, "pause", paused, reason)
    return paused


async def halt_where_needed(connection: psycopg.AsyncConnection, rollout: Rollout, who: str) -> Rollout | None:
    """Pause an active roll-out on whose machines it fails too often; None where it goes on."""
    if rollout.state is not State.ACTIVE:
        return None
    reason = (await status_of(connection, rollout)).judgement.against_any
    return await pause(connection, rollout, who, f"halted: {reason}") if reason else None


async def roll_back(
    connection: psycopg.AsyncConnection,
    rollout: Rollout,
    published: Sequence[ModelTarget],
    who: str,
    *,
    reason: str,
    to: str | None = None,
) -> Rollout:
    """Offer it to nobody any more and, with `to`, that version to all machines at once; gives the one then in force.

    Boxes that run it never go to a lower release: `to` is its old content signed anew, with a higher one.

    Raises:
        RefusedError: `to` isn't signed (422) or not above it, or it was rolled back before (409).
    """
    given_up = await store.give_up(connection, rollout, reason)
    await _note(connection, who, "roll back", given_up, reason)
    if to is None:
        return given_up
    releases = {model.version: model.release for model in published if model.name == rollout.model}
    if to in releases and releases[to] <= releases.get(rollout.version, 0):
        raise RefusedError(
            f"model {rollout.model} {to} is release {releases[to]}, not above that of {rollout.version}: boxes that "
            f"run {rollout.version} wouldn't take it",
            status=409,
            hint=_sign_anew(rollout.model, to),
        )
    plan = Plan(model=rollout.model, version=to, waves=(100,), soak_hours=0)
    return await deploy(connection, plan, published, who, start=True)


def _sign_anew(model: str, version: str) -> str:
    return f"Sign its content as a new version: hydrosight-cloud model roll-back {model} --to {version} --as NEW"


async def _note(connection: psycopg.AsyncConnection, who: str, act: str, rollout: Rollout, detail: str = "") -> None:
    about = f"{rollout.id}: {rollout.model} {rollout.version}"
    await note(connection, who, f"rollout {act}", about, detail)
