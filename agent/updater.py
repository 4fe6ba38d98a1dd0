"""Asks the centre for new models and puts them to use, one step after the other; diagnosis never waits for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog

from agent.box_clock import BoxClock
from agent.core import CoreThread
from agent.models import Models
from agent.pipeline import Pipeline
from agent.settings import AgentSettings, CentreSettings
from agent.status import AgentStatus
from cloud_sync.edge.offers import ModelOffers
from cloud_sync.edge.ota import Candidate, ModelUpdates
from cloud_sync.model_offer import OfferKind
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.errors import BundleError, CentreError, ConfigurationError, StoreError, UpdateError
from edge_runtime.slot_state import SlotState
from edge_runtime.window import Window

log = structlog.get_logger("agent.updater")
PART = "model updates"
RECENT_WINDOWS = 8
"""How many of the machine's latest windows a new model is tried on."""


@dataclass(frozen=True, slots=True)
class Box:
    """What the updater sees of the rest of the agent.

    Attributes:
        current: the diagnoser in use.
        recent: the machine's latest stored windows.
        take_over: puts a diagnoser to use in the pipeline.
        tell: lets the operator hear what became of models.
    """

    current: Callable[[], Diagnoser]
    recent: Callable[[], Awaitable[list[Window]]]
    take_over: Callable[[Diagnoser], Awaitable[None]]
    tell: Callable[[SlotState], Awaitable[None]]
    status: AgentStatus


class Updater:
    """Checks for a newer release of the model in use, tests it, and hands it to the pipeline.

    What is newer is what the signed repository says; which of it is for this box is asked of the centre.
    """

    def __init__(self, updates: ModelUpdates, offers: ModelOffers, models: Models, clock: BoxClock, box: Box) -> None:
        self._updates = updates
        self._offers = offers
        self._models = models
        self._clock = clock
        self._box = box

    async def run(self, interval_s: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Check at once, then every `interval_s`, until cancelled."""
        while True:
            await self.check_once()
            await sleep(interval_s)

    async def check_once(self) -> bool:
        """Look for a newer model and take it into use; true when one was."""
        try:
            updated = await self._update()
        except (CentreError, UpdateError, BundleError, StoreError) as error:
            self._box.status.report(PART, healthy=False, message=str(error), hint=error.hint)
            return False
        except OSError as error:
            self._box.status.report(PART, healthy=False, message=str(error), hint="Check the disk: hydrosight doctor")
            return False
        self._box.status.report(PART, healthy=True, message="up to date")
        return updated

    async def _update(self) -> bool:
        await self._box.tell(self._models.slots.state)
        if self._models.slots.on_probation:
            return False
        current = self._box.current()
        name = current.bundle.manifest.name
        above = max(self._models.slots.highest_release, current.bundle.manifest.release)
        await asyncio.to_thread(self._clock.keep_floor)
        candidate = await asyncio.to_thread(self._updates.check, name, above)
        if self._updates.signed_at:
            await asyncio.to_thread(self._clock.signed, self._updates.signed_at)
        if candidate is not None:
            candidate = await asyncio.to_thread(self._offered, candidate, above)
        if candidate is None:
            return False
        offered = candidate.model
        log.info("update_found", model=name, version=offered.version, release=offered.release)
        path = await asyncio.to_thread(self._updates.download, candidate)
        recent = await self._box.recent()
        try:
            diagnoser = await asyncio.to_thread(self._models.try_update, path, current, recent)
        except UpdateError:
            await self._box.tell(self._models.slots.state)
            raise
        await asyncio.to_thread(self._models.activate)
        await self._box.take_over(diagnoser)
        log.info("update_active", model=name, version=offered.version, release=offered.release)
        return True

    def _offered(self, newest: Candidate, above_release: int) -> Candidate | None:
        """What of the newer models is for this box: `newest`, another one that is signed, or none yet."""
        name = newest.model.name
        offer = self._offers.ask(name)
        match offer.kind:
            case OfferKind.NEWEST:
                return newest
            case OfferKind.NOTHING:
                return None
            case OfferKind.VERSION:
                return (
                    newest
                    if offer.version == newest.version
                    else self._updates.check(name, above_release, offer.version)
                )


def make_updater(
    settings: AgentSettings,
    centre: CentreSettings,
    *,
    models: Models,
    pipeline: Pipeline,
    core: CoreThread,
    status: AgentStatus,
    recent: Callable[[], Awaitable[list[Window]]],
    tell: Callable[[SlotState], Awaitable[None]],
    client: httpx.Client,
    clock: BoxClock,
) -> Updater | None:
    """The updater, or None where no trust root is installed. Closing `client` ends a download that is under way.

    Raises:
        ConfigurationError: the trust root can't be read.
    """
    root = read_trust_root(settings.model.trust_root)
    if root is None:
        return None
    updates = ModelUpdates(
        settings.data_directory / "tuf",
        settings.data_directory / "downloads",
        f"{centre.url.rstrip('/')}/tuf",
        root,
        client=client,
        reference_time=clock.at_least,
    )

    async def take_over(diagnoser: Diagnoser) -> None:
        await core.call(pipeline.use, diagnoser)

    box = Box(lambda: pipeline.diagnoser, recent, take_over, tell, status)
    return Updater(updates, ModelOffers(client, settings.credential_file), models, clock, box)


def read_trust_root(file: Path | None) -> bytes | None:
    """The root of the registry that this box was given; None where no file is named.

    Raises:
        ConfigurationError: it can't be read.
    """
    if file is None:
        return None
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"model.trust_root {file}: {error.strerror}",
            hint="Copy root.json of the model registry there, or leave trust_root out to do without updates.",
        ) from error
