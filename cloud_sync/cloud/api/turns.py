"""Turns: so many at once, whoever comes later waits, and how many do is known."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """At most `limit` hold a turn at a time.

    Attributes:
        running: how many hold one.
        waiting: how many wait for one, the first to come the first to get it.
    """

    def __init__(self, limit: int) -> None:
        self.running = 0
        self.waiting = 0
        self._free = asyncio.Semaphore(limit)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it for the block."""
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._free.release()
