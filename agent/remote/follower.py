"""Follows the centre's settings documents: takes up a new one, watches the sources under it, goes back by itself.

What is in force is written down before it is taken up, and after it has been given up for good; so a run that is cut
off anywhere is continued by the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from agent.box_clock import BoxClock
from agent.configuration import Configuration
from agent.reload import Reloader
from agent.reload_plan import REMOTE
from agent.remote.document import RemoteDocument
from agent.remote.probation import SourceHealth, Watch
from agent.remote.trial import Trial, TrialAction, TrialEvent
from agent.remote.trial_file import TrialFile
from agent.settings import RemoteSettings
from agent.status import AgentStatus
from cloud_sync.edge.settings_updates import OfferedSettings, SettingsUpdates
from edge_runtime.errors import CentreError, ConfigurationError, StoreError, UpdateError

log = structlog.get_logger("agent.remote")
BEAT_S = 5.0


@dataclass(frozen=True, slots=True)
class Box:
    """What the follower sees of the rest of the agent.

    Attributes:
        sources: how each source that runs is.
        notify: stores and sends what the operator has to hear.
    """

    reloader: Reloader
    sources: Callable[[], Mapping[str, SourceHealth]]
    notify: Callable[[Sequence[TrialEvent]], Awaitable[None]]
    status: AgentStatus


class Follower:
    """One addressee's documents on one box."""

    def __init__(
        self,
        settings: RemoteSettings,
        addressee: str,
        updates: SettingsUpdates,
        trials: TrialFile,
        clock: BoxClock,
        box: Box,
        beat_s: float = BEAT_S,
    ) -> None:
        self._settings = settings
        self._addressee = addressee
        self._updates = updates
        self._trials = trials
        self._clock = clock
        self._box = box
        self._beat_s = beat_s
        self._watch: Watch | None = None

    async def run(self, interval_s: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look for a document at once, then every `interval_s`; while one is on probation watch it instead."""
        while True:
            await self.step()
            await sleep(self._beat_s if self._watch else interval_s)

    async def step(self) -> None:
        """One look, or one beat of a probation."""
        try:
            trial = await asyncio.to_thread(self._trials.read)
            if trial.active != self._box.reloader.running.remote or bool(trial.probation) != bool(self._watch):
                trial = await self._put_in_force(trial)  # what a run before this one began
            elif self._watch:
                trial = await self._beat(trial, self._watch)
            else:
                trial = await self._look(trial)
            await self._tell(trial)
        except (CentreError, UpdateError, StoreError) as error:
            self._box.status.report(REMOTE, healthy=False, message=str(error), hint=error.hint)
        except OSError as error:
            self._box.status.report(REMOTE, healthy=False, message=str(error), hint="Check the disk: hydrosight doctor")

    async def _look(self, trial: Trial) -> Trial:
        """Take up a newer document, if there is one."""
        offered = await asyncio.to_thread(self._updates.newest, self._addressee, trial.highest_for(self._addressee))
        if self._updates.signed_at:
            await asyncio.to_thread(self._clock.signed, self._updates.signed_at)
        if offered is None:
            return trial
        return await self._take_up(trial, _document(offered))

    async def _take_up(self, trial: Trial, document: RemoteDocument) -> Trial:
        try:
            candidate = self._box.reloader.running.under(document)
        except ConfigurationError as error:
            return await self._write(trial.refused(document, str(error)))
        sources = self._box.sources()
        worked = {name for name, one in sources.items() if one.healthy and one.readings}
        watched = tuple(one.name for one in candidate.settings.sources.every if one.name in worked)
        return await self._put_in_force(
            trial.activated(document, probation_s=self._settings.probation_s, watched=watched)
        )

    async def _put_in_force(self, trial: Trial) -> Trial:
        """Take up the active document of `trial`; where that can't be done, go back."""
        try:
            await self._apply(trial)
        except ConfigurationError as error:
            return await self._roll_back(trial, str(error))
        self._watch = Watch(trial.probation.watched, self._settings.patience_s) if trial.probation else None
        return trial

    async def _beat(self, trial: Trial, watch: Watch) -> Trial:
        """One beat of the probation. Time with a source at fault doesn't count."""
        sources = self._box.sources()
        watch = watch.after(self._beat_s, sources)
        self._watch = watch
        if watch.failed:
            reason = f"source {', '.join(watch.failed)} at fault for more than {self._settings.patience_s:g} s"
            return await self._roll_back(trial, reason)
        if watch.ill_s:
            return trial
        after = trial.stood(self._beat_s)
        if after.probation is None:
            if silent := watch.silent(sources):
                return await self._roll_back(trial, f"source {', '.join(silent)} delivered no reading")
            self._watch = None
        return await self._write(after)

    async def _roll_back(self, trial: Trial, reason: str) -> Trial:
        """Go back to the former document, or if that doesn't fit any more, to the box's own settings."""
        trial = trial.rolled_back(reason)
        try:
            await self._apply(trial)
        except ConfigurationError as error:
            trial = trial.rolled_back(str(error))
            await self._apply(trial)
        self._watch = None
        return trial

    async def _apply(self, trial: Trial) -> None:
        """Write down that this is in force, then take it up."""

        def configuration() -> Configuration:
            self._trials.write(trial)
            return self._box.reloader.running.under(trial.active)

        plan = await self._box.reloader.apply(configuration)
        log.info("remote_settings_applied", document=str(trial.active or "none"), plan=str(plan))

    async def _write(self, trial: Trial) -> Trial:
        await asyncio.to_thread(self._trials.write, trial)
        return trial

    async def _tell(self, trial: Trial) -> None:
        """Say how it stands, and report what the centre hasn't heard yet."""
        last = next((event for event in reversed(trial.history) if event.action is not TrialAction.ACTIVATED), None)
        failed = last is not None and last.action in {TrialAction.REFUSED, TrialAction.ROLLED_BACK}
        if last and failed and trial.probation is None:
            self._box.status.report(
                REMOTE,
                healthy=False,
                message=f"version {last.version} for {last.addressee} {last.action.replace('_', ' ')}: {last.reason}",
                hint="Correct the document and publish it as a new version: hydrosight-cloud settings publish.",
            )
        else:
            self._box.status.report(REMOTE, healthy=True, message=str(trial.active or "none yet"))
        if trial.unreported:
            await self._box.notify(trial.history[-trial.unreported :])
            await self._write(trial.reported())


def _document(offered: OfferedSettings) -> RemoteDocument:
    """The document; what isn't UTF-8 becomes text that is refused like any other mistake."""
    return RemoteDocument(
        addressee=offered.target.addressee,
        version=offered.target.version,
        text=offered.content.decode(errors="replace"),
    )
