"""The one thread that owns the store and the pipeline; the daemon's tasks hand it work and wait."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from agent.store.store import Store
from cloud_sync.edge.lane import Lane
from cloud_sync.edge.sealed_batch import SealedBatch
from edge_runtime.alert import Alert
from edge_runtime.errors import StoreDamagedError

P = ParamSpec("P")
R = TypeVar("R")


class CoreThread:
    """Runs calls one after the other in a single thread, in the order they were made.

    When a call finds the store damaged, the store is mended before the next one; the call itself fails, and whoever
    made it tries again, as after any StoreError.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="core")
        self._mend: Callable[[], object] = lambda: None
        self._damaged = False

    def mend_with(self, mend: Callable[[], object]) -> None:
        """What to call, in the thread, after damage; until it succeeds it is called again before every call."""
        self._mend = mend

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function` there and give its result or raise its error here.

        It runs also when the caller is cancelled meanwhile: what was handed over to be stored is stored.
        """
        loop = asyncio.get_running_loop()
        return await asyncio.shield(
            loop.run_in_executor(self._executor, lambda: self._run(lambda: function(*args, **kwargs)))
        )

    def _run(self, call: Callable[[], R]) -> R:
        if self._damaged:
            self._mend()
            self._damaged = False
        try:
            return call()
        except StoreDamagedError:
            self._damaged = True
            raise

    def close(self) -> None:
        """Finish what was handed over, then end the thread."""
        self._executor.shutdown(wait=True)


class StoreQueues:
    """The store as the publisher and the uplink see it: queues that wait for the broker and for the centre."""

    def __init__(self, core: CoreThread, store: Store) -> None:
        self._core = core
        self._store = store

    async def unpublished(self) -> Sequence[tuple[int, Alert]]:
        """Alerts the broker hasn't acknowledged, oldest first."""
        return await self._core.call(self._store.unpublished_alerts)

    async def mark_published(self, row: int) -> None:
        """The broker has this alert."""
        await self._core.call(self._store.mark_published, row)

    async def next_batch(self, lanes: Sequence[Lane], max_bytes: int) -> SealedBatch | None:
        """What is first to go of these lanes."""
        return await self._core.call(self._store.next_batch, lanes, max_bytes)

    async def acknowledge(self, boot: str, number: int, sent_bytes: int) -> None:
        """The centre has committed this batch."""
        await self._core.call(self._store.acknowledge, boot, number, sent_bytes)

    async def refuse(self, boot: str, number: int, reason: str, sent_bytes: int) -> None:
        """The centre won't take this batch: split it, or set its only record aside."""
        await self._core.call(self._store.refuse, boot, number, reason, sent_bytes)

    async def count_unanswered(self, lane: Lane, sent_bytes: int) -> None:
        """So much was sent in vain."""
        await self._core.call(self._store.count_unanswered, lane, sent_bytes)

    async def sent_today(self) -> int:
        """Bytes sent to the centre on this UTC day."""
        traffic = await self._core.call(self._store.traffic_today)
        return sum(one.bytes for one in traffic.values())
