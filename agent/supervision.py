"""The one place where a task's unexpected errors end: reported, logged, and the task begun anew."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from agent.status import AgentStatus
from edge_runtime.errors import HydrosightError

log = structlog.get_logger("agent.supervision")
RESTART_FIRST_S = 1.0
RESTART_LAST_S = 60.0


async def supervise(
    part: str,
    task: Callable[[], Awaitable[None]],
    status: AgentStatus,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> NoReturn:
    """Keep `task` running until cancelled; restarts it with growing delay, and without once it ran for long."""
    delay = RESTART_FIRST_S
    while True:
        began = status.monotonic()
        try:
            await task()
            status.report(part, healthy=False, message="ended unexpectedly")
        except HydrosightError as error:
            status.report(part, healthy=False, message=str(error), hint=error.hint)
        except Exception as error:
            log.exception("task_failed", part=part)
            status.report(
                part,
                healthy=False,
                message=f"{type(error).__name__}: {error}",
                hint="A bug: report the log's traceback.",
            )
        delay = RESTART_FIRST_S if status.monotonic() - began > RESTART_LAST_S else min(2 * delay, RESTART_LAST_S)
        await sleep(delay)
