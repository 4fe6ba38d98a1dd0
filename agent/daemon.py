"""The agent: opens the store, starts every part, takes up other settings when told to, and ends in order.

One task per part, each under supervision, so that a part that fails never stops another. On SIGTERM what has arrived
is stored and diagnosed before the process ends.
"""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass, field

import structlog

from agent.assembly import Assembly
from agent.box_clock import BoxClock, kernel_boot_id
from agent.clock_keeper import begin_time
from agent.configuration import Configuration
from agent.core import CoreThread
from agent.health import HealthServer
from agent.notify import Notifier, watchdog_interval_s
from agent.parts import Part, Parts
from agent.reload import Reloader
from agent.settings import AgentSettings
from agent.status import SETTINGS, AgentStatus
from agent.store.salvage import Salvage
from agent.store.store import Store
from agent.view import TASK_LIMIT_S, HealthView
from edge_runtime.errors import ConfigurationError, HydrosightError

log = structlog.get_logger("agent")


@dataclass(frozen=True, slots=True)
class Orders:
    """What the agent is told from outside. `stop`: end; `reload`: read the settings again."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    reload: asyncio.Event = field(default_factory=asyncio.Event)


def boot_id() -> str:
    """A name for this run: the kernel's boot id, so that reboots can be told apart, and a part of the run's own."""
    kernel = kernel_boot_id()[:8]
    return f"{kernel}-{uuid.uuid4().hex[:12]}" if kernel else uuid.uuid4().hex[:12]


async def run_agent(
    configuration: Configuration,
    reread: Callable[[], Configuration],
    orders: Orders,
    announce: Callable[[int], None],
    clock: BoxClock | None = None,
) -> None:
    """Run the agent until it is told to stop. `announce` gets the health server's port once every part is started.

    `reread` gives the configuration anew when the agent is told to reload. `clock` is the system's if none is given.

    Raises:
        ConfigurationError: something in the settings can't work; nothing was started.
        StoreError: the store can't be opened, such as when another agent holds it.
    """
    settings = configuration.settings
    _make_data_directory(settings)
    core = CoreThread()
    try:
        clock = clock or BoxClock(settings.clock_floor_file)
        store = await core.call(
            Store.open,
            settings.store_file,
            boot_id(),
            retention=settings.store.retention,
            now_us=clock.now_us,
            machine=configuration.machine.name,
        )
        _tell(store.salvage)
        core.mend_with(lambda: _tell(store.reopen()))
        try:
            await core.call(begin_time, clock, store, kernel_boot_id())
            await Agent(configuration, reread, store, core, clock).run(orders, announce)
            await core.call(store.stopped)
        finally:
            await core.call(store.close)
    finally:
        core.close()


def _tell(salvage: Salvage | None) -> None:
    """Say what was done about a damaged store."""
    if salvage:
        log.error("store_salvaged", salvage={name: str(value) for name, value in asdict(salvage).items()})


def _make_data_directory(settings: AgentSettings) -> None:
    try:
        settings.data_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"data_directory {settings.data_directory}: can't be made: {error.strerror}",
            hint="Name a folder that the agent's user may write to.",
        ) from error


class Agent:
    """One run of the daemon, over an open store."""

    def __init__(
        self,
        configuration: Configuration,
        reread: Callable[[], Configuration],
        store: Store,
        core: CoreThread,
        clock: BoxClock,
    ) -> None:
        self._configuration = configuration
        self._reread = reread
        self._store = store
        self._core = core
        self._clock = clock
        self._status = AgentStatus()
        self._notifier = Notifier()

    async def run(self, orders: Orders, announce: Callable[[int], None]) -> None:
        """Start every part, wait until told to stop, end every part in order."""
        settings = self._configuration.settings
        async with AsyncExitStack() as stack:
            parts = Parts(self._status)
            assembly = await self._core.call(
                Assembly, self._configuration, self._store, self._core, self._status, self._clock, parts
            )
            self._status.report("store", healthy=True, message=str(settings.store_file))
            self._status.report("model", healthy=True, message=str(assembly.diagnoser.bundle.path))
            view = HealthView(
                self._status, lambda: assembly.housekeeping.statistics, assembly.sync, assembly.sources.counters
            )
            health = stack.enter_context(HealthServer(settings.health, view))
            stack.push_async_callback(assembly.recorder.drain)
            stack.push_async_callback(parts.stop_all)
            for part in await assembly.all_parts(settings):
                parts.start(part)
            parts.start(Part(SETTINGS, lambda: self._take_up_settings(assembly.reloader, orders.reload)))
            stack.callback(self._notifier.stopping)
            self._notifier.ready()
            announce(health.port)
            await self._watch(orders.stop)

    async def _take_up_settings(self, reloader: Reloader, wanted: asyncio.Event) -> None:
        """Read the settings again whenever that is wanted. Wrong ones are refused: what runs goes on."""
        while True:
            await wanted.wait()
            wanted.clear()
            self._notifier.reloading()
            try:
                plan = await reloader.apply(self._reread)
            except HydrosightError as error:
                self._status.reloaded(applied=False, message=str(error), hint=error.hint)
            else:
                self._status.reloaded(applied=True, message=str(plan))
            finally:
                self._notifier.ready()

    async def _watch(self, stop: asyncio.Event) -> None:
        """Wait for `stop`; ping systemd's watchdog while every task makes progress."""
        interval = watchdog_interval_s()
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), interval)
            if not stop.is_set() and not self._status.silent_tasks(TASK_LIMIT_S):
                self._notifier.alive()
