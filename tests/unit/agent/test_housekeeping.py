import asyncio
import shutil
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from agent.core import CoreThread
from agent.housekeeping import Housekeeping
from agent.status import AgentStatus
from agent.store.retention import Retention
from agent.store.store import Store
from edge_runtime.errors import StoreError
from tests.stored import readings

LIMIT = 1_000_000


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def disk(monkeypatch):
    """How much is free, for the test to say."""
    free = [10 * LIMIT]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100 * LIMIT, 0, free[0]))
    return free


@pytest.fixture
async def rooms(tmp_path, disk):
    core = CoreThread()
    store = await core.call(Store.open, tmp_path / "store.db", "boot", retention=Retention(min_free_bytes=LIMIT))
    status = AgentStatus()
    yield (
        Housekeeping(core, store, status, min_free_bytes=LIMIT, resend_file=tmp_path / "resend.json"),
        store,
        core,
        status,
    )
    await core.call(store.close)
    core.close()


async def test_figures_are_taken(rooms):
    housekeeping, store, core, _ = rooms
    assert housekeeping.statistics is None
    await core.call(store.append, readings(0))
    await housekeeping.look_after()
    assert housekeeping.statistics.readings == len(readings(0))


async def test_a_low_disk_is_said_once_and_once_when_there_is_room(rooms, disk):
    housekeeping, *_ = rooms
    with capture_logs() as said:
        # At the limit itself retention keeps it, which isn't room.
        for free in (10 * LIMIT, LIMIT - 1, LIMIT // 2, LIMIT, LIMIT - 1, LIMIT, 2 * LIMIT, 2 * LIMIT):
            disk[0] = free
            await housekeeping.look_after()
    about = [line["event"] for line in said if line["part"] == "disk"]
    assert about == ["part_ready", "part_failed", "part_recovered"]


async def test_a_store_that_fails_is_reported_and_looked_at_again(rooms, monkeypatch):
    housekeeping, store, _, status = rooms

    def fail():
        raise StoreError("disk error", hint="check the disk")

    with monkeypatch.context() as patch:
        patch.setattr(store, "prune", fail)
        await housekeeping.look_after()
    condition = status.snapshot().conditions["housekeeping"]
    assert (condition.healthy, condition.message, condition.hint) == (False, "disk error", "check the disk")
    await housekeeping.look_after()
    assert status.snapshot().conditions["housekeeping"].healthy


async def test_it_works_at_once_and_then_at_its_interval(rooms):
    housekeeping, *_ = rooms
    slept = []

    async def sleep(delay):
        slept.append(delay)
        if len(slept) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await housekeeping.run(7.0, sleep)
    assert slept == [7.0] * 3
    assert housekeeping.statistics is not None
