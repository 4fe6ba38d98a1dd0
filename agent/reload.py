"""Takes up other settings while the agent runs: all of them, or none and a reason."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from agent.configuration import Configuration
from agent.parts import Part, Parts, source_part_name
from agent.reload_plan import ReloadPlan, plan_reload
from agent.settings import AgentSettings, OneSource
from edge_runtime.errors import ConfigurationError


class Workshop(Protocol):
    """Makes parts; see agent.assembly.Assembly."""

    async def parts(self, settings: AgentSettings, names: Iterable[str]) -> list[Part]:
        """Those of the named parts that are made anew for other settings."""

    async def tune(self, settings: AgentSettings, names: Collection[str]) -> None:
        """Let those of the named parts that are never replaced take up these settings."""

    def source_part(self, settings: OneSource) -> Part:
        """A source, ready to run."""

    def settled(self, settings: AgentSettings) -> None:
        """These settings are in force now."""


class Reloader:
    """Brings the running parts from one configuration to the next, one change at a time.

    Attributes:
        running: what the parts run on.
    """

    def __init__(self, running: Configuration, workshop: Workshop, parts: Parts) -> None:
        self.running = running
        self._workshop = workshop
        self._parts = parts
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[ReloadPlan]] = set()

    async def apply(self, make: Callable[[], Configuration]) -> ReloadPlan:
        """Take up what `make` gives. Sources that it leaves as they are go on untouched; gives what was done.

        `make` is called in a thread, when no other change is under way. A change that has begun is ended, also when the
        caller is cancelled by it.

        Raises:
            ConfigurationError: it can't be taken up, or not without a restart; everything runs on as before.
        """
        change = asyncio.create_task(self._apply(make))
        self._under_way.add(change)
        change.add_done_callback(self._under_way.discard)
        return await asyncio.shield(change)

    async def _apply(self, make: Callable[[], Configuration]) -> ReloadPlan:
        async with self._turn:
            new = await asyncio.to_thread(make)
            plan = plan_reload(self.running, new)
            if plan.needs_restart:
                raise ConfigurationError(
                    f"{', '.join(plan.needs_restart)}: can't be changed while the agent runs",
                    hint="Restart it: systemctl restart hydrosight.",
                )
            parts = await self._workshop.parts(new.settings, plan.refit)
            try:
                await self._workshop.tune(new.settings, plan.refit)
            except ConfigurationError:
                for part in parts:
                    await part.resources.aclose()
                raise
            await self._parts.stop((*plan.refit, *map(source_part_name, (*plan.stop, *plan.replace))))
            for part in parts:
                self._parts.start(part)
            for source in new.settings.sources.every:
                if source.name in (*plan.replace, *plan.start):
                    self._parts.start(self._workshop.source_part(source))
            self._workshop.settled(new.settings)
            self.running = new
            return plan
