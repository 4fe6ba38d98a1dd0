"""What the agent does for its clock: begin where the last run stopped, mark what is doubtful, keep the floor."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.box_clock import BoxClock
from agent.sources.base import Deliver
from agent.status import AgentStatus
from agent.store.store import Store
from edge_runtime.clock import ClockState
from edge_runtime.quality import Quality, Reason
from edge_runtime.reading import Reading

CLOCK = "clock"
KEEP_EVERY_S = 3600.0
LOOK_EVERY_S = 30.0
_WORDS = {
    ClockState.SYNCED: "is synchronised",
    ClockState.BOUNDED: "isn't synchronised, but is past all that is certainly past",
}


def begin_time(clock: BoxClock, store: Store, kernel: str) -> None:
    """Let the clock go on where the last run stopped, and write down how this one begins. In the store's thread.

    Raises:
        StoreError: the store can't be read or written to.
    """
    step = clock.resume(*store.earlier_time(kernel))
    store.note_absence(kernel)
    store.start_clock(step, kernel)


class DoubtedArrivals:
    """Passes on what sources deliver; readings stamped by their arrival under a suspect clock are marked for it.

    Only under a suspect one: a clock that nobody synchronises and that isn't known to be wrong is all that many boxes
    will ever have, and a mark on every reading would say nothing.
    """

    def __init__(self, clock: BoxClock, deliver: Deliver) -> None:
        self._clock = clock
        self._deliver = deliver

    def __call__(self, readings: Sequence[Reading], stored: Callable[[], None] | None = None) -> None:
        """Take readings that arrived together."""
        if self._clock.state is ClockState.SUSPECT:
            readings = [_marked(reading) for reading in readings]
        self._deliver(readings, stored)


def _marked(reading: Reading) -> Reading:
    if reading.quality is not Quality.GOOD or reading.source_time_us != reading.received_time_us:
        return reading
    return replace(reading, quality=Quality.UNCERTAIN, reason=Reason.CLOCK)


class ClockKeeper:
    """Says how the clock is, and now and then raises its floor for the next start."""

    def __init__(self, clock: BoxClock, status: AgentStatus) -> None:
        self._clock = clock
        self._status = status

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        kept_s = -KEEP_EVERY_S
        while True:
            self._say()
            if loop.time() - kept_s >= KEEP_EVERY_S:
                kept_s = loop.time()
                await self._keep_floor()
            self._status.beat(CLOCK)
            await asyncio.sleep(LOOK_EVERY_S)

    def _say(self) -> None:
        if self._clock.state is ClockState.SUSPECT:
            self._status.report(
                CLOCK,
                healthy=False,
                message="is behind what is certainly past: readings are stamped by a time carried on from there",
                hint="Connect a time service (`timedatectl`); the readings are stamped anew once the time is known.",
            )
        else:
            self._status.report(CLOCK, healthy=True, message=_WORDS[self._clock.state])
            self._status.describe(CLOCK, _WORDS[self._clock.state])

    async def _keep_floor(self) -> None:
        try:
            await asyncio.to_thread(self._clock.keep_floor)
        except OSError as error:
            self._status.report(
                "clock floor", healthy=False, message=str(error), hint="Check the disk: hydrosight doctor"
            )
        else:
            self._status.report("clock floor", healthy=True, message="kept")
