import asyncio

import pytest
from structlog.testing import capture_logs

from agent import supervision
from agent.status import AgentStatus
from agent.supervision import RESTART_LAST_S, supervise
from edge_runtime.errors import SourceError


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


async def supervised(task, *, restarts, clock=None):
    """Delays between restarts, the status afterwards and what was logged."""
    delays = []

    async def sleep(delay):
        delays.append(delay)
        if len(delays) == restarts:
            raise asyncio.CancelledError

    status = AgentStatus(monotonic=clock or Clock())
    with capture_logs() as said, pytest.raises(asyncio.CancelledError):
        await supervise("centre", task, status, sleep)
    return delays, status, said


async def test_an_error_of_ours_is_reported_with_its_hint_and_the_task_begun_anew():
    async def task():
        raise SourceError("no answer", hint="check the cable")

    _, status, said = await supervised(task, restarts=5)
    condition = status.snapshot().conditions["centre"]
    assert (condition.healthy, condition.message, condition.hint) == (False, "no answer", "check the cable")
    assert [line["event"] for line in said] == ["part_failed"]


async def test_an_unexpected_error_is_logged_with_its_traceback():
    async def task():
        raise KeyError("oops")

    _, status, said = await supervised(task, restarts=1)
    assert "KeyError" in status.snapshot().conditions["centre"].message
    (line,) = (line for line in said if line["event"] == "task_failed")
    assert line["exc_info"]


async def test_a_task_that_ends_is_begun_anew():
    async def task():
        return

    _, status, _ = await supervised(task, restarts=2)
    assert not status.snapshot().conditions["centre"].healthy


async def test_delays_grow_to_a_limit():
    async def task():
        raise SourceError("no answer")

    delays, _, _ = await supervised(task, restarts=10)
    assert delays[:3] == [2.0, 4.0, 8.0]
    assert delays[-1] == RESTART_LAST_S


async def test_a_task_that_ran_for_long_is_begun_anew_soon():
    clock = Clock()
    runs = []

    async def task():
        runs.append(clock.now)
        clock.now += 3600.0 if len(runs) == 4 else 0.0
        raise SourceError("no answer")

    delays, _, _ = await supervised(task, restarts=5, clock=clock)
    assert delays == [2.0, 4.0, 8.0, 1.0, 2.0]


async def test_once_it_runs_again_for_a_while_the_fault_is_over(monkeypatch):
    monkeypatch.setattr(supervision, "STEADY_S", 0.0)
    runs = []

    async def task():
        runs.append(None)
        if len(runs) == 1:
            raise KeyError("oops")
        await asyncio.sleep(0.01)
        raise asyncio.CancelledError

    _, status, said = await supervised(task, restarts=5)
    assert status.snapshot().conditions["centre"].healthy
    assert [line["event"] for line in said] == ["task_failed", "part_failed", "part_recovered"]


async def test_a_fault_that_the_task_itself_has_said_since_is_not_over(monkeypatch):
    monkeypatch.setattr(supervision, "STEADY_S", 0.0)
    status = AgentStatus()
    runs = []

    async def task():
        runs.append(None)
        if len(runs) == 1:
            raise KeyError("oops")
        status.report("centre", healthy=False, message="no answer")
        await asyncio.sleep(0.01)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await supervise("centre", task, status, lambda _: asyncio.sleep(0))
    assert status.snapshot().conditions["centre"].message == "no answer"


async def test_cancellation_ends_it():
    async def task():
        await asyncio.Event().wait()

    running = asyncio.create_task(supervise("centre", task, AgentStatus()))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
