"""A source that runs in the background of a test, with what it delivered and reported."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from agent.sources.base import Source, SourceStatus
from edge_runtime.reading import Reading


class Received:
    """What a source has delivered and reported so far.

    Readings count as stored at once, unless `stores` is set to False: then once `store()` is called.
    """

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.statuses: list[SourceStatus] = []
        self.stores = True
        self.waiting: list[Callable[[], None]] = []

    def deliver(self, readings: Sequence[Reading], stored: Callable[[], None] | None = None) -> None:
        """What the source is given."""
        self.readings.extend(readings)
        if stored is not None:
            self.waiting.append(stored)
        if self.stores:
            self.store()

    def store(self) -> None:
        """Everything delivered so far is stored."""
        waiting, self.waiting = self.waiting, []
        for stored in waiting:
            stored()

    def of(self, sensor: str) -> list[Reading]:
        """Its readings of one sensor."""
        return [reading for reading in self.readings if reading.sensor == sensor]

    @property
    def healthy(self) -> list[bool]:
        """The course of its health."""
        return [status.healthy for status in self.statuses]


@asynccontextmanager
async def running(source: Source) -> AsyncIterator[Received]:
    """Run the source inside the `with` block."""
    received = Received()
    task = asyncio.create_task(source.run(received.deliver, received.statuses.append))
    try:
        yield received
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait for something that real servers bring about."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  other processes set no event
            await asyncio.sleep(0.01)
