"""Turns: so much at once, whoever comes later waits his turn, and not for ever."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edge_runtime.errors import OverloadedError


class Turns:
    """At most `limit` at a time, in whatever a turn is weighed in: turns, or bytes. First come, first served.

    Attributes:
        running: how many hold a turn.
        waiting: how many wait for one.
    """

    def __init__(self, limit: int, wait_s: float, bottleneck: str) -> None:
        """Who would wait longer than `wait_s` gives up; `bottleneck` is what metrics call that."""
        self.running = 0
        self._free = self._limit = limit
        self._wait_s = wait_s
        self._bottleneck = bottleneck
        self._queue: deque[tuple[asyncio.Future[None], int]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return len(self._queue)

    @asynccontextmanager
    async def turn(self, weight: int = 1) -> AsyncIterator[None]:
        """Wait for a turn and hold it for the block. One that weighs more than the limit takes all of it.

        Raises:
            OverloadedError: it didn't come in time.
        """
        weight = min(weight, self._limit)
        await self._take(weight)
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._free += weight
            self._hand_on()

    async def _take(self, weight: int) -> None:
        if not self._queue and weight <= self._free:
            self._free -= weight
            return
        mine = (asyncio.get_running_loop().create_future(), weight)
        self._queue.append(mine)
        try:
            async with asyncio.timeout(self._wait_s):
                await mine[0]
        except (TimeoutError, asyncio.CancelledError) as error:
            if mine in self._queue:
                self._queue.remove(mine)
            elif not mine[0].cancelled():  # it came at the same moment
                self._free += weight
            self._hand_on()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise OverloadedError(
                f"{len(self._queue) + 1} requests wait for their turn",
                hint="Try again later.",
                bottleneck=self._bottleneck,
            ) from error

    def _hand_on(self) -> None:
        while self._queue and self._queue[0][1] <= self._free:
            future, weight = self._queue.popleft()
            if not future.done():  # one that has given up may not have come to leave the queue yet
                self._free -= weight
                future.set_result(None)
