"""Which model a box is offered, and which one serves its machine at the centre."""

from collections.abc import AsyncIterator

import httpx
import psycopg
import pytest

from cloud_sync.cloud.rollout import store
from cloud_sync.cloud.rollout.plan import Plan, Rollout, State
from cloud_sync.cloud.rollout.serving import offer, version_for
from cloud_sync.cloud.store.migrate import migrate
from cloud_sync.model_offer import OFFER_PATH, ModelOffer, OfferKind
from cloud_sync.model_target import ModelTarget
from cloud_sync.wire import Enrolment
from edge_runtime.errors import RefusedError
from tests.integration.cloud.conftest import send
from tests.servers.batches import make_batch
from tests.servers.centre import Centre


@pytest.fixture
async def connection(postgres_url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
        await migrate(connection)
        for machine in ("press-7", "press-8"):
            await connection.execute("INSERT INTO machines (name) VALUES (%s)", (machine,))
        yield connection


def signed(release: int, model: str = "rig") -> ModelTarget:
    """A published model, version 1.<release>.0."""
    return ModelTarget(
        name=model,
        version=f"1.{release}.0",
        release=release,
        minimum_agent_version="0.1.0",
        manifest_sha256=f"{release:064x}",
    )


async def begun(connection: psycopg.AsyncConnection, version: str, **plan: object) -> Rollout:
    asked = Plan.model_validate({"model": "rig", "version": version} | plan)
    return await store.activate(connection, await store.set_up(connection, asked, "kim"))


async def test_without_a_roll_out_what_is_published_is_for_all(connection: psycopg.AsyncConnection) -> None:
    assert await offer(connection, "press-7", "rig") == ModelOffer("rig", OfferKind.NEWEST)


async def test_a_canary_is_offered_what_others_are_not(connection: psycopg.AsyncConnection) -> None:
    trial = await begun(connection, "1.4.0", canaries=["press-7"], waves=[100])

    assert await offer(connection, "press-7", "rig") == ModelOffer("rig", OfferKind.VERSION, "1.4.0", trial.id)
    assert await offer(connection, "press-8", "rig") == ModelOffer("rig", OfferKind.NOTHING)
    assert await offer(connection, "press-8", "press") == ModelOffer("press", OfferKind.NEWEST)

    await store.open_next_wave(connection, trial)
    assert (await offer(connection, "press-8", "rig")).version == "1.4.0"


async def test_one_that_is_done_serves_machines_that_the_next_does_not_reach(
    connection: psycopg.AsyncConnection,
) -> None:
    done = await store.open_next_wave(connection, await begun(connection, "1.3.0", waves=[100]))
    assert done.state is State.DONE
    trial = await begun(connection, "1.4.0", canaries=["press-7"])

    assert [(await offer(connection, name, "rig")).version for name in ("press-7", "press-8")] == ["1.4.0", "1.3.0"]

    await store.pause(connection, trial, "wait")
    assert (await offer(connection, "press-7", "rig")).version == "1.3.0"


async def test_only_one_roll_out_of_a_model_is_open(connection: psycopg.AsyncConnection) -> None:
    first = await begun(connection, "1.4.0")
    with pytest.raises(RefusedError, match="another roll-out of model rig is open") as refusal:
        await begun(connection, "1.5.0")
    assert refusal.value.status == 409

    await store.give_up(connection, first, "bad")
    assert (await begun(connection, "1.5.0")).state is State.ACTIVE


@pytest.mark.parametrize("step", [store.activate, store.open_next_wave])
async def test_what_was_given_up_does_not_go_on(connection: psycopg.AsyncConnection, step: object) -> None:
    ended = await store.give_up(connection, await begun(connection, "1.4.0"), "bad")
    with pytest.raises(RefusedError, match="rolled back"):
        await step(connection, ended)


async def test_what_a_box_was_answered_is_noted_since_when(connection: psycopg.AsyncConnection) -> None:
    async def noted() -> tuple[object, ...] | None:
        cursor = await connection.execute("SELECT version, offered_at, asked_at FROM model_offers")
        return await cursor.fetchone()

    await begun(connection, "1.4.0", canaries=["press-7"])
    await offer(connection, "press-7", "rig")
    first = await noted()
    await offer(connection, "press-7", "rig")
    again = await noted()

    assert first is not None
    assert again is not None
    assert again[:2] == first[:2] == ("1.4.0", first[2])
    assert again[2] > first[2]


async def test_a_machine_has_one_answer_whatever_models_its_box_asks_for(connection: psycopg.AsyncConnection) -> None:
    for model in ("rig", "press", "anything"):
        await offer(connection, "press-7", model)
        await offer(connection, "press-8", "rig")

    rows = await (await connection.execute("SELECT machine, model FROM model_offers ORDER BY machine")).fetchall()
    assert rows == [("press-7", "anything"), ("press-8", "rig")]


async def test_the_model_of_its_wave_serves_a_machine_at_the_centre_also_while_it_is_paused(
    connection: psycopg.AsyncConnection,
) -> None:
    published = [signed(3), signed(4)]
    assert await version_for(connection, "press-7", published) == signed(4)
    assert await version_for(connection, "press-7", [signed(3), signed(9, "press")]) is None

    trial = await begun(connection, "1.4.0", canaries=["press-7"])
    assert await version_for(connection, "press-7", published) == signed(4)
    assert await version_for(connection, "press-8", published) == signed(3)
    await store.pause(connection, trial, "wait")
    assert await version_for(connection, "press-7", published) == signed(4)
    await store.give_up(connection, trial, "bad")
    assert await version_for(connection, "press-7", published) == signed(3)


def test_a_box_asks_and_nobody_else(centre: Centre, box: Enrolment, operator: httpx.Client) -> None:
    assert send(centre.url, box.credential, make_batch("rig", 0)).status_code == 200
    headers = {"Authorization": f"Bearer {box.credential}"}

    answer = httpx.get(centre.url + OFFER_PATH, params={"model": "zema-rig"}, headers=headers)
    assert answer.json() == {"model": "zema-rig", "kind": "newest", "version": "", "rollout": 0}
    assert operator.get(OFFER_PATH, params={"model": "zema-rig"}).status_code == 401
    for wrong in ({}, {"model": ""}, {"model": "a b"}, {"model": "x" * 65}, {"model": "\0"}):
        assert httpx.get(centre.url + OFFER_PATH, params=wrong, headers=headers).status_code == 422


async def test_a_machine_outside_every_wave_is_served_by_what_its_box_runs(
    postgres_url: str, centre: Centre, box: Enrolment
) -> None:
    assert send(centre.url, box.credential, make_batch("rig", 0)).status_code == 200
    published = [
        ModelTarget(
            name="zema-rig", version=f"1.{k}.0", release=k + 1, minimum_agent_version="0.1.0", manifest_sha256="0" * 64
        )
        for k in range(3)
    ]
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
        await begun(connection, "1.2.0", model="zema-rig", canaries=["other"])
        assert await version_for(connection, "rig", published) == published[0]
