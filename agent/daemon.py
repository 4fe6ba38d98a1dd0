"""The agent: puts sources, store, pipeline, publisher, uplink and updater together and runs them until told to stop.

One task per part, each under supervision, so that a part that fails never stops another. On SIGTERM what has arrived
is stored and diagnosed before the process ends.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Never

import structlog

from agent.alerts import AlertTracker
from agent.core import CoreThread, StoreQueues
from agent.health import HealthServer
from agent.housekeeping import Housekeeping
from agent.intake import Intake
from agent.models import Models
from agent.notify import Notifier, watchdog_interval_s
from agent.pipeline import Outcome, Pipeline
from agent.publisher import Publisher
from agent.recorder import Recorder
from agent.settings import AgentSettings, CentreSettings
from agent.sources.base import Source, SourceStatus
from agent.sources.modbus import ModbusSource
from agent.sources.mqtt import MqttSource
from agent.status import AgentStatus
from agent.store.store import Store
from agent.supervision import supervise
from agent.updater import RECENT_WINDOWS, make_updater
from agent.view import TASK_LIMIT_S, HealthView
from cloud_sync.edge.centre import open_client, tls_context
from cloud_sync.edge.tuf_fetcher import update_client
from cloud_sync.edge.uplink import Uplink, UplinkStatus
from edge_runtime.errors import ConfigurationError
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from edge_runtime.slots import Slots

log = structlog.get_logger("agent")
CANCEL_AGAIN_S = 1.0


def boot_id() -> str:
    """A name for this run: the kernel's boot id, so that reboots can be told apart, and a part of the run's own."""
    kernel = ""
    with suppress(OSError):
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8] + "-"
    return kernel + uuid.uuid4().hex[:12]


def load_machine_for(settings: AgentSettings) -> Machine:
    """The machine, with every sensor that a source names checked against it.

    Raises:
        ConfigurationError: the machine file is wrong, or a source names a sensor that the machine hasn't.
    """
    machine = load_machine(settings.machine)
    for source in settings.sources.every:
        unknown = sorted(source.sensors - set(machine.sensor_index))
        if unknown:
            raise ConfigurationError(
                f"source {source.name}: machine {machine.name} has no sensor {', '.join(unknown)}",
                hint=f"Sensors are named in {settings.machine}: {', '.join(machine.sensor_index)}.",
            )
    return machine


async def run_agent(settings: AgentSettings, stop: asyncio.Event, announce: Callable[[int], None]) -> None:
    """Run the agent until `stop` is set. `announce` gets the health server's port once every part is started.

    Raises:
        ConfigurationError: something in the settings can't work; nothing was started.
        StoreError: the store can't be opened, such as when another agent holds it.
    """
    machine = load_machine_for(settings)
    try:
        settings.data_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"data_directory {settings.data_directory}: can't be made: {error.strerror}",
            hint="Name a folder that the agent's user may write to.",
        ) from error
    core = CoreThread()
    try:
        store = await core.call(Store.open, settings.store_file, boot_id(), retention=settings.store.retention)
        if store.salvage:
            log.error("store_salvaged", salvage={name: str(value) for name, value in asdict(store.salvage).items()})
        try:
            await Agent(settings, machine, store, core).run(stop, announce)
        finally:
            await core.call(store.close)
    finally:
        core.close()


class Agent:
    """One run of the daemon, over an open store."""

    def __init__(self, settings: AgentSettings, machine: Machine, store: Store, core: CoreThread) -> None:
        self._settings = settings
        self._machine = machine
        self._store = store
        self._core = core
        self._queues = StoreQueues(core, store)
        self._status = AgentStatus()
        self._intake = Intake()
        self._models = Models(
            machine,
            Slots(settings.slots_directory),
            settings.model.bundle,
            threads=settings.model.threads,
            probation_windows=settings.model.probation_windows,
        )
        self._housekeeping = Housekeeping(core, store, self._status, min_free_bytes=settings.store.min_free_bytes)

    async def run(self, stop: asyncio.Event, announce: Callable[[int], None]) -> None:
        """Start every part, wait for `stop`, end every part in order."""
        notifier = Notifier()
        async with AsyncExitStack() as stack:
            pipeline = await self._core.call(self._make_pipeline)
            self._status.report("store", healthy=True, message=str(self._settings.store_file))
            self._status.report("model", healthy=True, message=str(pipeline.diagnoser.bundle.path))
            view = HealthView(self._status, lambda: self._housekeeping.statistics)
            health = stack.enter_context(HealthServer(self._settings.health, view))
            parts = await self._parts(stack, pipeline)
            tasks = [
                asyncio.create_task(supervise(name, part, self._status), name=name) for name, part in parts.items()
            ]
            stack.push_async_callback(_cancel, tasks)
            stack.callback(notifier.stopping)
            notifier.ready()
            announce(health.port)
            await self._watch(stop, notifier)

    def _make_pipeline(self) -> Pipeline:
        tracker = AlertTracker(self._machine, self._settings.alerts)
        lateness_us = round(self._settings.windows.lateness_s * 1e6)
        return Pipeline(self._machine, self._store, self._models.start(), tracker, lateness_us)

    async def _parts(self, stack: AsyncExitStack, pipeline: Pipeline) -> dict[str, Callable[[], Awaitable[None]]]:
        settings = self._settings
        parts: dict[str, Callable[[], Awaitable[None]]] = {"housekeeping": self._housekeeping.run}
        listeners: list[Callable[[Outcome], None]] = []
        if settings.broker:
            publisher = Publisher(settings.broker, self._machine.name, self._queues, self._reporter("alerts broker"))
            parts["alerts broker"] = publisher.run
            listeners.append(lambda outcome: publisher.publish(outcome.diagnosis))
        if settings.centre:
            wake = asyncio.Event()
            parts |= await self._centre_parts(stack, settings.centre, wake, pipeline)
            listeners.append(lambda _: wake.set())
        recorder = Recorder(self._core, pipeline, self._intake, self._models, self._status, listeners)
        stack.push_async_callback(recorder.drain)
        parts["recorder"] = lambda: recorder.run(settings.store.flush_interval_s)
        for source in self._sources():
            self._status.report(f"source {source.name}", healthy=True, message="started")
            parts[f"source {source.name}"] = partial(source.run, self._intake.deliver, self._source_status)
        return parts

    async def _centre_parts(
        self, stack: AsyncExitStack, centre: CentreSettings, wake: asyncio.Event, pipeline: Pipeline
    ) -> dict[str, Callable[[], Awaitable[None]]]:
        """The uplink and, where a trust root is installed, the updater."""
        uplink = Uplink(
            await stack.enter_async_context(open_client(centre.url, ca_file=centre.ca_file)),
            self._queues,
            self._settings.credential_file,
            report=self._centre_status,
            jitter=random.Random(self._machine.name),  # noqa: S311 - spreads a fleet, guards nothing
        )
        parts: dict[str, Callable[[], Awaitable[None]]] = {"centre": lambda: uplink.run(wake)}
        updater = make_updater(
            self._settings,
            centre,
            models=self._models,
            pipeline=pipeline,
            core=self._core,
            status=self._status,
            recent=lambda: self._core.call(self._store.windows, limit=RECENT_WINDOWS),
            client=stack.enter_context(update_client(tls_context(centre.ca_file))),
        )
        if updater:
            parts["model updates"] = lambda: updater.run(self._settings.model.check_interval_s)
        return parts

    def _sources(self) -> list[Source]:
        sources = self._settings.sources
        modbus = [ModbusSource(one, now_us=_now_us) for one in sources.modbus]
        mqtt = [MqttSource(one, now_us=_now_us) for one in sources.mqtt]
        return [*modbus, *mqtt]

    def _source_status(self, status: SourceStatus) -> None:
        self._status.report(f"source {status.name}", healthy=status.healthy, message=status.message, hint=status.hint)

    def _centre_status(self, status: UplinkStatus) -> None:
        self._status.report("centre", healthy=status.healthy, message=status.message, hint=status.hint)

    def _reporter(self, part: str) -> Callable[[bool, str, str], None]:
        return lambda healthy, message, hint: self._status.report(part, healthy=healthy, message=message, hint=hint)

    async def _watch(self, stop: asyncio.Event, notifier: Notifier) -> None:
        """Wait for `stop`; ping systemd's watchdog while every task makes progress."""
        interval = watchdog_interval_s()
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), interval)
            if not stop.is_set() and not self._status.silent_tasks(TASK_LIMIT_S):
                notifier.alive()


async def _cancel(tasks: Sequence[asyncio.Task[Never]]) -> None:
    """End the tasks. A library may swallow a cancellation that meets the end of a wait, so it is repeated."""
    pending: set[asyncio.Task[Never]] = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)


def _now_us() -> int:
    return time.time_ns() // 1000
