"""Now and then: keeps the store within its limits, takes its figures, queues what is asked for, looks at the disk."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from agent.core import CoreThread
from agent.resend import take_up
from agent.status import AgentStatus
from agent.store.statistics import BufferStatistics
from agent.store.store import Store
from edge_runtime.errors import StoreError

log = structlog.get_logger("agent.housekeeping")
INTERVAL_S = 30.0
PART = "housekeeping"
DISK = "disk"
ROOM_AGAIN = 1.1
"""The disk has room again with so many times `min_free_bytes`: retention itself keeps free just that much."""


class Housekeeping:
    """Looks after the store.

    Attributes:
        statistics: the store's figures as last taken, None before the first time.
        min_free_bytes: with less room than that on the disk something is wrong.
    """

    def __init__(
        self, core: CoreThread, store: Store, status: AgentStatus, *, min_free_bytes: int, resend_file: Path
    ) -> None:
        self._core = core
        self._store = store
        self._status = status
        self.min_free_bytes = min_free_bytes
        self._resend_file = resend_file
        self._low = False
        self.statistics: BufferStatistics | None = None

    async def run(
        self, interval_s: float = INTERVAL_S, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Look after it at once, then every `interval_s`, until cancelled."""
        while True:
            await self.look_after()
            self._status.beat(PART)
            await sleep(interval_s)

    async def look_after(self) -> None:
        """Once."""
        try:
            await self._core.call(self._store.prune)
            if queued := await self._core.call(take_up, self._resend_file, self._store):
                log.info("sent_again", records=queued)
            self.statistics = await self._core.call(self._store.statistics)
        except StoreError as error:
            self._status.report(PART, healthy=False, message=str(error), hint=error.hint)
            return
        self._status.report(PART, healthy=True, message="retention holds")
        self._judge_disk(self.statistics.free_bytes)

    def _judge_disk(self, free_bytes: int) -> None:
        self._low = free_bytes < self.min_free_bytes * (ROOM_AGAIN if self._low else 1.0)
        if self._low:
            self._status.report(
                DISK,
                healthy=False,
                message=f"less than store.min_free_bytes ({self.min_free_bytes / 1e6:.0f} MB) is free",
                hint="Make room: the store sheds its oldest readings meanwhile, `hydrosight buffer` says which.",
            )
        else:
            self._status.report(DISK, healthy=True, message="has room")
