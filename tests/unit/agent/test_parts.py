import asyncio
from contextlib import AsyncExitStack

import pytest

from agent import parts as parts_module
from agent.parts import Part, Parts, source_part_name
from agent.status import AgentStatus


@pytest.fixture
async def parts():
    parts = Parts(AgentStatus())
    yield parts
    await parts.stop_all()


def beating(log, name):
    async def run():
        log.append(f"{name} begins")
        try:
            await asyncio.Event().wait()
        finally:
            log.append(f"{name} ends")

    return run


async def test_one_part_is_stopped_and_the_others_go_on(parts):
    log = []
    for name in ("a", "b"):
        parts.start(Part(name, beating(log, name)))
    await asyncio.sleep(0)
    await parts.stop(["a", "never started"])
    assert log == ["a begins", "b begins", "a ends"]
    assert parts.names == ("b",)


async def test_sources_end_while_what_they_delivered_is_still_stored(parts):
    log = []

    async def source():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            log.append("source ends")

    parts.start(Part("recorder", beating(log, "recorder")))
    parts.start(Part(source_part_name("rig"), source))
    await asyncio.sleep(0)
    await parts.stop_all()
    assert log == ["recorder begins", "source ends", "recorder ends"]


async def test_what_a_part_has_is_closed_after_it_has_ended(parts):
    log = []
    resources = AsyncExitStack()
    resources.callback(log.append, "closed")
    parts.start(Part("a", beating(log, "a"), resources))
    await asyncio.sleep(0)
    await parts.stop(["a"])
    assert log == ["a begins", "a ends", "closed"]


async def test_a_part_that_is_stopped_is_no_longer_reported():
    status = AgentStatus()
    parts = Parts(status)
    parts.start(Part("a", beating([], "a")))
    status.report("a", healthy=False, message="cable cut")
    status.beat("a")
    await parts.stop(["a"])
    assert status.snapshot().conditions == {}
    assert status.silent_tasks(-1) == []


async def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same(monkeypatch, parts):
    monkeypatch.setattr(parts_module, "CANCEL_AGAIN_S", 0.01)
    swallowed = []

    async def stubborn():
        while len(swallowed) < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed.append(True)
        await asyncio.Event().wait()

    parts.start(Part("stubborn", stubborn))
    await asyncio.sleep(0)
    await parts.stop(["stubborn"])
    assert len(swallowed) == 2
