"""The one thread that owns the store and the pipeline; the daemon's tasks hand it work and wait."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from agent.store.store import Store
from cloud_sync.wire import Batch
from edge_runtime.alert import Alert

P = ParamSpec("P")
R = TypeVar("R")


class CoreThread:
    """Runs calls one after the other in a single thread, in the order they were made."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="core")

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function` there and give its result or raise its error here.

        It runs also when the caller is cancelled meanwhile: what was handed over to be stored is stored.
        """
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._executor, lambda: function(*args, **kwargs)))

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

    async def next_batch(self) -> Batch | None:
        """The oldest batch that the centre hasn't acknowledged."""
        return await self._core.call(self._store.next_batch)

    async def acknowledge(self, boot: str, number: int) -> None:
        """The centre has committed this batch."""
        await self._core.call(self._store.acknowledge, boot, number)

    async def set_aside(self, boot: str, number: int, reason: str) -> None:
        """The centre will never take this batch; keep it apart and go on with the next."""
        await self._core.call(self._store.set_aside, boot, number, reason)
