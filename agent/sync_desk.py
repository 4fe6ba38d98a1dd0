"""What waits for the centre and what it refused: looked at now and then, and put right where somebody asks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.core import CoreThread
from agent.dead_letter_requests import take_up
from agent.status import AgentStatus
from agent.store.outbox import LaneContent
from agent.store.store import Store
from agent.store.traffic import Traffic
from cloud_sync.edge.lane import Lane
from edge_runtime.errors import StoreError

PART = "dead letters"
INTERVAL_S = 5.0


@dataclass(frozen=True, slots=True)
class SyncFigures:
    """What waits in each lane, what each has sent on this UTC day, and how many records the centre refused."""

    lanes: Mapping[Lane, LaneContent]
    today: Mapping[Lane, Traffic]
    dead_letters: int


class SyncDesk:
    """Does what commands ask for, and takes figures.

    Attributes:
        figures: as last taken, None before the first time.
    """

    def __init__(self, core: CoreThread, store: Store, status: AgentStatus, requests: Path) -> None:
        self._core = core
        self._store = store
        self._status = status
        self._requests = requests
        self.figures: SyncFigures | None = None

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look at once, then every few seconds, until cancelled."""
        while True:
            try:
                self.figures = await self._core.call(self._look)
            except StoreError as error:
                self._status.report(PART, healthy=False, message=str(error), hint=error.hint)
            else:
                self._judge(self.figures)
            await sleep(INTERVAL_S)

    def _look(self) -> SyncFigures:
        take_up(self._requests, self._store)
        return SyncFigures(self._store.lanes(), self._store.traffic_today(), len(self._store.dead_letters()))

    def _judge(self, figures: SyncFigures) -> None:
        if figures.dead_letters:
            message = "the centre refused records"  # no number: each one more would be said anew
            self._status.report(PART, healthy=False, message=message, hint="See: hydrosight sync dead-letters")
        else:
            self._status.report(PART, healthy=True, message="nothing was refused")
