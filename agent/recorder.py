"""Moves readings from the intake into the store at a steady beat, and diagnoses what has become complete.

Sources that asked for it are told what is durable; one that can't go on before that hurries the beat. A store that
fails keeps the readings in the intake and tries again at the next beat. A model that fails is tried again too, and in
the end leaves the window out; on probation it is replaced by the former one.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress

import structlog

from agent.core import CoreThread
from agent.gap_watch import GapWatch
from agent.intake import Intake
from agent.models import Models
from agent.pipeline import Outcome, Pipeline
from agent.status import AgentStatus
from edge_runtime.errors import BackendError, BundleError, StoreError, UpdateError
from edge_runtime.timeline import ClockStep

log = structlog.get_logger("agent.recorder")
STORE = "store"
MODEL = "model"
ATTEMPTS_A_WINDOW = 30
"""A window that the model fails on so often in a row is left out: its readings stay, and the next one gets its turn."""

WINDOWS_A_BEAT = 8
"""Catching up after an outage never holds up storing for longer than this many windows."""

HURRIED_BEAT_S = 0.05
"""Beats are at least this far apart: more would cost a synced write each and wear the flash for little."""


class Recorder:
    """The beat of the agent: store, diagnose, tell the others."""

    def __init__(
        self,
        core: CoreThread,
        pipeline: Pipeline,
        intake: Intake,
        models: Models,
        status: AgentStatus,
        listeners: Sequence[Callable[[Outcome], None]],
        follow_clock: Callable[[], ClockStep | None] = lambda: None,
        gaps: GapWatch | None = None,
    ) -> None:
        """`follow_clock` looks at the wall clock and sets the box's; readings taken before were stamped before."""
        self._core = core
        self._pipeline = pipeline
        self._intake = intake
        self._models = models
        self._status = status
        self._listeners = listeners
        self._follow_clock = follow_clock
        self._gaps = gaps
        self._dropped = 0
        self._failures = 0
        self._stumbled = False

    async def run(self, interval_s: float) -> None:
        """One beat every `interval_s`, or sooner when a source is in a hurry, until cancelled.

        A beat that has begun is ended then.
        """
        while True:
            began = time.monotonic()
            await _whole(self.beat())
            rest_s = max(0.0, interval_s - (time.monotonic() - began))
            shortest_s = min(rest_s, HURRIED_BEAT_S)
            await asyncio.sleep(shortest_s)
            await self._intake.hurried(rest_s - shortest_s)

    async def beat(self) -> int:
        """Store what has arrived and diagnose what is due; gives the number of windows diagnosed."""
        not_stored = await self._store()
        if self._gaps:
            await self._gaps.beat(self._intake.dropped, str(not_stored or ""))
        if not_stored is None:  # or else sensors would seem silent
            self._status.sensed(await self._core.call(self._pipeline.sensor_health))
        diagnosed, not_recorded = await self._diagnose()
        self._judge_store(not_stored or not_recorded)
        self._status.beat("recorder")
        return diagnosed

    async def drain(self) -> None:
        """Store what has arrived, and diagnose as much as one beat does; the rest is due again at the next start."""
        await self.beat()
        if len(self._intake):
            await self.beat()

    async def _store(self) -> StoreError | None:
        """Store what has arrived; what went wrong with that, if anything did."""
        # Nothing may come between: sources stamp in this thread, so what is taken now was stamped before the step.
        if step := self._follow_clock():
            log.warning("clock_set", shift_s=step.shift_us / 1e6, before=step.state_before, after=step.state_after)
            self._intake.clock_set(step)
            if self._gaps:
                self._gaps.clock_set(step.shift_us)
        taken = self._intake.take()
        readings = taken.readings
        if readings or taken.step_after:
            try:
                await self._core.call(self._pipeline.store_readings, readings, taken.step_after)
            except StoreError as error:
                self._intake.put_back(taken)
                return error
            except Exception:
                # A defect of ours: these get a second chance, and then make way for the next.
                if not self._stumbled:
                    self._intake.put_back(taken)
                self._stumbled = not self._stumbled
                raise
            self._stumbled = False
        if readings:
            if self._gaps:
                self._gaps.heard(readings)
            self._status.stored(len(readings), readings[-1].source_time_us)
        taken.confirm()
        return None

    async def _diagnose(self) -> tuple[int, StoreError | None]:
        """Diagnose what is due: how many windows that was, and what went wrong with recording, if anything did."""
        for count in range(WINDOWS_A_BEAT):
            try:
                outcome = await self._core.call(self._pipeline.diagnose_next)
            except StoreError as error:
                return count, error
            except BackendError as error:
                await self._replace_model(error)
                return count, None
            if outcome is None:
                return count, None
            await self._announce(outcome)
        return WINDOWS_A_BEAT, None

    def _judge_store(self, error: StoreError | None) -> None:
        """The store works when a whole beat went through: what had failed before is among what it tried."""
        if error is not None:
            self._status.report(STORE, healthy=False, message=str(error), hint=error.hint)
            return
        lost, self._dropped = self._intake.dropped - self._dropped, self._intake.dropped
        message = "stores readings" if not lost else f"stores readings again; {lost} were lost while it could not"
        self._status.report(STORE, healthy=True, message=message)

    async def _announce(self, outcome: Outcome) -> None:
        self._failures = 0
        self._status.report(MODEL, healthy=True, message=_describe(outcome))
        self._status.describe(MODEL, _describe(outcome))
        self._status.diagnosed(outcome.diagnosis, len(outcome.alerts))
        await self._count_window()
        for listener in self._listeners:
            listener(outcome)

    async def _count_window(self) -> None:
        try:
            await self._core.call(self._models.survived_window)
        except UpdateError as error:
            self._status.report("model slots", healthy=False, message=str(error), hint=error.hint)

    async def _replace_model(self, error: BackendError) -> None:
        """Go back to the former model on probation; otherwise try again, and give the window up in the end."""
        self._status.report(MODEL, healthy=False, message=str(error), hint=error.hint)
        self._failures += 1
        try:
            former = await self._core.call(self._models.fall_back, str(error))
        except (BundleError, BackendError, UpdateError) as second:
            self._status.report("model slots", healthy=False, message=str(second), hint=second.hint)
            return
        if former is not None:
            await self._core.call(self._pipeline.use, former)
        elif self._failures >= ATTEMPTS_A_WINDOW:
            await self._give_window_up(error)

    async def _give_window_up(self, reason: BackendError) -> None:
        try:
            start_us = await self._core.call(self._pipeline.give_up)
        except StoreError as error:
            self._status.report(STORE, healthy=False, message=str(error), hint=error.hint)
            return
        self._failures = 0
        log.error("window_given_up", start_us=start_us, error=str(reason))


async def _whole(beat: Coroutine[None, None, int]) -> None:
    """Cancelled in the middle, a beat would leave readings that are neither in the intake nor surely in the store."""
    task = asyncio.create_task(beat)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):  # it may be repeated
                await asyncio.wait((task,))
        raise


def _describe(outcome: Outcome) -> str:
    model = outcome.diagnosis.model
    return f"{model.name} {model.version} (release {model.release})"
