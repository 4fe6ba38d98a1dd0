"""Makes the parts of the agent from its settings, around one store, one pipeline and one status."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial

from agent.alerts import AlertTracker
from agent.baseline_keeper import BaselineKeeper
from agent.box_clock import BoxClock
from agent.clock_keeper import CLOCK, ClockKeeper
from agent.configuration import Configuration
from agent.core import CoreThread, StoreQueues
from agent.gap_watch import GapWatch
from agent.housekeeping import Housekeeping
from agent.intake import Intake
from agent.model_notice import notices as model_notices
from agent.models import Models
from agent.parts import Part, Parts, Run
from agent.pipeline import Outcome, Pipeline
from agent.publisher import Publisher
from agent.recorder import Recorder
from agent.reload import Reloader
from agent.reload_plan import ALERTS_BROKER, CENTRE, MODEL_UPDATES, RECORDER, REMOTE
from agent.remote.follower import Box, Follower
from agent.remote.notice import notices as settings_notices
from agent.remote.trial import TrialEvent
from agent.remote.trial_file import TrialFile
from agent.settings import AgentSettings, OneSource
from agent.source_parts import SourceParts
from agent.status import AgentStatus
from agent.store.store import Store
from agent.sync_desk import PART as SYNC_DESK
from agent.sync_desk import SyncDesk
from agent.tuning import Tuning
from agent.updater import RECENT_WINDOWS, make_updater, read_trust_root
from agent.view import SyncView
from cloud_sync.box_time import BoxTime
from cloud_sync.edge.centre_client import CentreClient
from cloud_sync.edge.gate import Gate
from cloud_sync.edge.settings_updates import SettingsUpdates
from cloud_sync.edge.uplink import Uplink, UplinkStatus
from edge_runtime.alert import Alert
from edge_runtime.baseline.shelf import BaselineShelf
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.slot_state import SlotState
from edge_runtime.slots import Slots
from edge_runtime.utc import utc_datetime

HOUSEKEEPING = "housekeeping"
UPDATE_TIMEOUT_S = 30.0


class Assembly:
    """Makes parts, and lets those that are never replaced take up other settings.

    Attributes:
        recorder: lives as long as the agent, also while its part is restarted.
        housekeeping: the same.
        intake: where the sources deliver.
        sources: makes their parts and knows how they fare.
        reloader: brings the parts from one configuration to the next.
    """

    def __init__(
        self,
        configuration: Configuration,
        store: Store,
        core: CoreThread,
        status: AgentStatus,
        clock: BoxClock,
        parts: Parts,
    ) -> None:
        settings, machine = configuration.settings, configuration.machine
        self._machine = machine
        self._store = store
        self._core = core
        self._status = status
        self._clock = clock
        self._queues = StoreQueues(core, store)
        self._models = Models(
            machine,
            Slots(settings.slots_directory),
            settings.model.bundle,
            threads=settings.model.threads,
            probation_windows=settings.model.probation_windows,
            advice=configuration.advice,
        )
        self._baselines = BaselineKeeper(
            BaselineShelf(settings.baseline_directory), machine, status, clock.now_us, settings.baseline.assume_healthy
        )
        self._pipeline = Pipeline(
            machine,
            store,
            self._models.start(),
            AlertTracker(machine, settings.alerts),
            settings.windows.lateness_us,
            self._baselines,
        )
        self._makers: dict[str, Callable[[AgentSettings, AsyncExitStack], Awaitable[Run | None]]] = {
            ALERTS_BROKER: self._publishing,
            CENTRE: self._uplink,
            MODEL_UPDATES: self._model_updates,
            RECORDER: self._recording,
            REMOTE: self._following,
        }
        self._publisher: Publisher | None = None
        self._uplink_now: Uplink | None = None
        self._new_records = asyncio.Event()
        self.reloader = Reloader(configuration, self, parts)
        self.intake = Intake()
        gaps = GapWatch(core, store, status, machine, clock.now_us)
        self.sources = SourceParts(machine, self.intake, gaps, clock, status)
        self.recorder = Recorder(
            core, self._pipeline, self.intake, self._models, status, (self._announce,), clock.follow, gaps
        )
        self._desk = SyncDesk(core, store, status, settings.dead_letter_requests)
        store.thin_by(settings.store.thinning_rule)
        self.housekeeping = Housekeeping(
            core, store, status, min_free_bytes=settings.store.min_free_bytes, resend_file=settings.resend_file
        )
        self._tuning = Tuning(core, store, self._models, self._pipeline, self._baselines, self.housekeeping)

    @property
    def diagnoser(self) -> Diagnoser:
        """The model in use."""
        return self._pipeline.diagnoser

    def sync(self) -> SyncView:
        """What the uplink is at, and what waits for it."""
        return SyncView(self._uplink_now.state if self._uplink_now else None, self._desk.figures)

    async def all_parts(self, settings: AgentSettings) -> list[Part]:
        """Every part that these settings ask for, in the order of starting.

        Raises:
            ConfigurationError: one of them can't be made.
        """
        parts = [
            Part(HOUSEKEEPING, self.housekeeping.run),
            Part(CLOCK, ClockKeeper(self._clock, self._status).run),
            Part(SYNC_DESK, self._desk.run),
        ]
        parts += await self.parts(settings, self._makers)
        parts += [self.source_part(one) for one in settings.sources.every]
        self.settled(settings)
        return parts

    async def parts(self, settings: AgentSettings, names: Iterable[str]) -> list[Part]:
        """Those of the named parts that have a task and that these settings ask for. Nothing runs yet.

        Raises:
            ConfigurationError: one of them can't be made.
        """
        parts = []
        async with AsyncExitStack() as undo:
            for name in names:
                if name in self._makers:
                    resources = await undo.enter_async_context(AsyncExitStack())
                    if run := await self._makers[name](settings, resources):
                        parts.append(Part(name, run, resources))
            undo.pop_all()
        return parts

    def source_part(self, settings: OneSource) -> Part:
        """A source, ready to run."""
        return self.sources.part(settings)

    def settled(self, settings: AgentSettings) -> None:
        """These settings are in force now."""
        self.sources.settled(settings)

    async def tune(self, settings: AgentSettings, names: Collection[str]) -> None:
        """Let those of the named parts that are never replaced take up these settings.

        Raises:
            ConfigurationError: the model can't be run with them; nothing has changed then.
        """
        await self._tuning.tune(settings, names)

    @property
    def takers(self) -> frozenset[str]:
        """Names of the parts that can take up changed settings."""
        return self._tuning.takers.union(self._makers)

    def _announce(self, outcome: Outcome) -> None:
        """Tell broker and centre, whoever they are at present, that a window is recorded."""
        if self._publisher:
            self._publisher.publish(outcome.diagnosis)
        self._new_records.set()

    async def _recording(self, settings: AgentSettings, _: AsyncExitStack) -> Run:
        return partial(self.recorder.run, settings.store.flush_interval_s)

    async def _publishing(self, settings: AgentSettings, resources: AsyncExitStack) -> Run | None:
        if settings.broker is None:
            return None
        publisher = Publisher(settings.broker, self._machine.name, self._queues, self._reporter(ALERTS_BROKER))

        async def run() -> None:
            self._publisher = publisher
            publisher.publish(self._status.snapshot().last_diagnosis)
            await publisher.run()

        resources.callback(self._forget_publisher)
        return run

    def _forget_publisher(self) -> None:
        self._publisher = None

    async def _uplink(self, settings: AgentSettings, resources: AsyncExitStack) -> Run | None:
        centre = settings.centre
        if centre is None:
            return None
        jitter = random.Random(self._machine.name)  # noqa: S311 - spreads a fleet, guards nothing
        uplink = Uplink(
            await resources.enter_async_context(CentreClient(centre.link)),
            self._queues,
            settings.credential_file,
            Gate(centre.limits, jitter, time.monotonic()),
            report=self._centre_status,
            jitter=jitter,
            box_time=lambda: BoxTime(self._clock.now_us(), self._clock.since_us, self._clock.state.value),
        )
        self._uplink_now = uplink
        return lambda: uplink.run(self._new_records)

    async def _model_updates(self, settings: AgentSettings, resources: AsyncExitStack) -> Run | None:
        """The updater, where there is a centre, a trust root is installed, and the network isn't metered."""
        if settings.centre is None or settings.centre.metered:
            return None
        updater = make_updater(
            settings,
            settings.centre,
            models=self._models,
            pipeline=self._pipeline,
            core=self._core,
            status=self._status,
            recent=lambda: self._core.call(self._store.windows, limit=RECENT_WINDOWS),
            tell=self._tell_of_models,
            client=resources.enter_context(settings.centre.link.open_blocking(UPDATE_TIMEOUT_S)),
            clock=self._clock,
        )
        return partial(updater.run, settings.model.check_interval_s) if updater else None

    async def _following(self, settings: AgentSettings, resources: AsyncExitStack) -> Run | None:
        """Settings from the centre, where the box lets it."""
        root = read_trust_root(settings.model.trust_root)
        if settings.remote_settings is None or settings.centre is None or root is None:
            return None
        follower = Follower(
            settings.remote_settings,
            settings.remote_settings.follow or self._machine.name,
            SettingsUpdates(
                settings.data_directory / "tuf",
                settings.data_directory / "settings",
                f"{settings.centre.url.rstrip('/')}/tuf",
                root,
                client=resources.enter_context(settings.centre.link.open_blocking(UPDATE_TIMEOUT_S)),
                reference_time=self._clock.at_least,
            ),
            TrialFile(settings.remote_trial_file),
            self._clock,
            Box(self.reloader, self.sources.health, self._tell_of_settings, self._status),
        )
        return partial(follower.run, settings.model.check_interval_s)

    async def _tell_of_settings(self, events: Sequence[TrialEvent]) -> None:
        """Let broker and centre hear what became of a settings document."""
        await self._tell(partial(settings_notices, events, machine=self._machine.name, model=self.diagnoser.model))

    async def _tell_of_models(self, state: SlotState) -> None:
        """Let broker and centre hear what became of models."""
        await self._tell(partial(model_notices, state, machine=self._machine.name))

    async def _tell(self, notices: Callable[..., list[Alert]]) -> None:
        """Store the box's own alerts, given those that stand and the time, and send them."""
        now = utc_datetime(self._clock.now_us())
        if await self._core.call(self._record_notices, notices, now):
            if self._publisher:
                self._publisher.publish(None)
            self._new_records.set()

    def _record_notices(self, notices: Callable[..., list[Alert]], now: datetime) -> int:
        alerts = notices(self._store.standing_alerts(), now=now)
        for alert in alerts:
            self._store.record_alert(alert)
        return len(alerts)

    def _centre_status(self, status: UplinkStatus) -> None:
        self._status.report(CENTRE, healthy=status.healthy, message=status.message, hint=status.hint)

    def _reporter(self, part: str) -> Callable[[bool, str, str], None]:
        return lambda healthy, message, hint: self._status.report(part, healthy=healthy, message=message, hint=hint)
