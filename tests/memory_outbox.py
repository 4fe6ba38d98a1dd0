"""An outbox without a store: batches in memory, and what became of each."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from cloud_sync.batch_codec import encode_batch
from cloud_sync.edge.lane import Lane
from cloud_sync.edge.sealed_batch import SealedBatch
from cloud_sync.wire import Batch


def sealed(batch: Batch, lane: Lane = Lane.FRESH) -> SealedBatch:
    """A batch as an outbox hands it over."""
    records = len(batch.windows) + len(batch.diagnoses) + len(batch.alerts)
    return SealedBatch(lane, batch.boot, batch.number, records, encode_batch(batch))


class MemoryOutbox:
    """Sealed batches in order, the lanes that may go kept; `emptied` is set once nothing waits."""

    def __init__(self, batches: Iterable[SealedBatch] = ()) -> None:
        self.waiting = deque(batches)
        self.acknowledged: list[int] = []
        self.refused: list[tuple[int, str]] = []
        self.unanswered = 0
        self.sent = 0
        self.emptied = asyncio.Event()

    async def next_batch(self, lanes: Sequence[Lane], max_bytes: int) -> SealedBatch | None:
        return next((batch for lane in lanes for batch in self.waiting if batch.lane is lane), None)

    async def acknowledge(self, boot: str, number: int, sent_bytes: int) -> None:
        self._take_out(boot, number, sent_bytes)
        self.acknowledged.append(number)

    async def refuse(self, boot: str, number: int, reason: str, sent_bytes: int) -> None:
        self._take_out(boot, number, sent_bytes)
        self.refused.append((number, reason))

    async def count_unanswered(self, lane: Lane, sent_bytes: int) -> None:
        self.unanswered += 1
        self.sent += sent_bytes

    async def sent_today(self) -> int:
        return self.sent

    def _take_out(self, boot: str, number: int, sent_bytes: int) -> None:
        self.sent += sent_bytes
        (batch,) = [batch for batch in self.waiting if (batch.boot, batch.number) == (boot, number)]
        self.waiting.remove(batch)
        if not self.waiting:
            self.emptied.set()
