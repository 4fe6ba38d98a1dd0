"""The parts of the running agent: supervised tasks by name, each of which can be ended and begun alone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Never

from agent.status import AgentStatus
from agent.supervision import supervise

CANCEL_AGAIN_S = 1.0
Run = Callable[[], Awaitable[None]]
"""Does a part's work until cancelled."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is ready to run. What it needs, such as a connection's client, is closed once it has ended."""

    name: str
    run: Run
    resources: AsyncExitStack = field(default_factory=AsyncExitStack)


SOURCE = "source "
"""What the name of a part that runs a source begins with."""


def source_part_name(source: str) -> str:
    """What the part that runs a source is called."""
    return f"{SOURCE}{source}"


class Parts:
    """Runs parts. Each has one task, under supervision, so that one that fails never stops another."""

    def __init__(self, status: AgentStatus) -> None:
        self._status = status
        self._running: dict[str, tuple[Part, asyncio.Task[Never]]] = {}
        self._ending = False

    @property
    def names(self) -> tuple[str, ...]:
        """What runs, in the order of starting."""
        return tuple(self._running)

    def start(self, part: Part) -> None:
        """Begin its task, unless all are being ended. No other of its name may run."""
        if self._ending:
            return
        task = asyncio.create_task(supervise(part.name, part.run, self._status), name=part.name)
        self._running[part.name] = part, task

    async def stop(self, names: Iterable[str]) -> None:
        """End these tasks and close what they had; names that don't run are left out.

        Sources first: so they hear that what they have delivered is stored.
        """
        names = [name for name in dict.fromkeys(names) if name in self._running]
        sources = [name for name in names if name.startswith(SOURCE)]
        for together in (sources, [name for name in names if name not in sources]):
            running = [self._running.pop(name) for name in together]
            await _cancel({task for _, task in running})
            for part, _ in running:
                await part.resources.aclose()
                self._status.forget(part.name)

    async def stop_all(self) -> None:
        """End every task, for good."""
        self._ending = True
        await self.stop(self.names)


async def _cancel(pending: set[asyncio.Task[Never]]) -> None:
    """End the tasks. A library may swallow a cancellation that meets the end of a wait, so it is repeated."""
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
