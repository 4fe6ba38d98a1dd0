"""The one place where a task's unexpected errors end: reported, logged, and the task begun anew.

A task that then runs for a while is well again, unless it has said something else of itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from agent.status import AgentStatus
from edge_runtime.errors import HydrosightError

log = structlog.get_logger("agent.supervision")
RESTART_FIRST_S = 1.0
RESTART_LAST_S = 60.0
STEADY_S = 30.0
"""A task that was begun anew and has run for so long has got over what ended it."""


async def supervise(
    part: str,
    task: Callable[[], Awaitable[None]],
    status: AgentStatus,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> NoReturn:
    """Keep `task` running until cancelled; restarts it with growing delay, and without once it ran for long."""
    delay = RESTART_FIRST_S
    fault = ""
    while True:
        began = status.monotonic()
        steady = asyncio.get_running_loop().call_later(STEADY_S, _over, part, fault, status)
        try:
            await task()
            fault, hint = "ended unexpectedly", ""
        except HydrosightError as error:
            fault, hint = str(error), error.hint
        except Exception as error:
            log.exception("task_failed", part=part)
            fault, hint = f"{type(error).__name__}: {error}", "A bug: report the log's traceback."
        finally:
            steady.cancel()
        status.report(part, healthy=False, message=fault, hint=hint)
        delay = RESTART_FIRST_S if status.monotonic() - began > RESTART_LAST_S else min(2 * delay, RESTART_LAST_S)
        await sleep(delay)


def _over(part: str, fault: str, status: AgentStatus) -> None:
    """What ended the task is over, if that is still what is said of it."""
    condition = status.snapshot().conditions.get(part)
    if condition and not condition.healthy and condition.message == fault:
        status.report(part, healthy=True, message="runs again")
