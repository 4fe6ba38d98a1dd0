"""Takes up other settings while the agent runs: all of them, or none and a reason."""

import asyncio

from agent.assembly import Assembly, source_part_name
from agent.configuration import Configuration
from agent.parts import Parts
from agent.reload_plan import ReloadPlan, plan_reload
from edge_runtime.errors import ConfigurationError


class Reloader:
    """Brings the running parts from one configuration to the next, one change at a time.

    Attributes:
        running: what the parts run on.
    """

    def __init__(self, running: Configuration, assembly: Assembly, parts: Parts) -> None:
        self.running = running
        self._assembly = assembly
        self._parts = parts
        self._turn = asyncio.Lock()

    async def apply(self, new: Configuration) -> ReloadPlan:
        """Take up `new`. Sources that it leaves as they are go on untouched; gives what was done.

        Raises:
            ConfigurationError: it can't be taken up, or not without a restart; everything runs on as before.
        """
        async with self._turn:
            plan = plan_reload(self.running, new)
            if plan.needs_restart:
                raise ConfigurationError(
                    f"{', '.join(plan.needs_restart)}: can't be changed while the agent runs",
                    hint="Restart it: systemctl restart hydrosight.",
                )
            parts = await self._assembly.parts(new.settings, plan.refit)
            try:
                await self._assembly.tune(new.settings, plan.refit)
            except ConfigurationError:
                for part in parts:
                    await part.resources.aclose()
                raise
            await self._parts.stop((*plan.refit, *map(source_part_name, (*plan.stop, *plan.replace))))
            for part in parts:
                self._parts.start(part)
            for source in new.settings.sources.every:
                if source.name in (*plan.replace, *plan.start):
                    self._parts.start(self._assembly.source_part(source))
            self.running = new
            return plan
