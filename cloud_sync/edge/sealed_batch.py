"""A batch as it leaves the box, and the queue that it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cloud_sync.batch_codec import decode_batch
from cloud_sync.edge.lane import Lane
from cloud_sync.wire import Batch


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """The same bytes every time, until the centre has them.

    Attributes:
        lane: what it may overtake.
        boot: of the box that sealed it.
        number: within that boot; never used again.
        records: how many windows, diagnoses and alerts it holds.
        body: what is sent.
    """

    lane: Lane
    boot: str
    number: int
    records: int
    body: bytes

    def opened(self) -> Batch:
        """What the centre will read in it."""
        return decode_batch(self.body)


class Outbox(Protocol):
    """The queue of batches on the box. `sent_bytes` are counted with what each method writes down."""

    async def next_batch(self, lanes: Sequence[Lane], max_bytes: int) -> SealedBatch | None:
        """What is first to go of these lanes, the same until it is dealt with; None when there is nothing in them.

        A batch that has yet to be sealed gets records of about `max_bytes` before compression, at least one.
        """

    async def acknowledge(self, boot: str, number: int, sent_bytes: int) -> None:
        """The centre has it on disk: it may go."""

    async def refuse(self, boot: str, number: int, reason: str, sent_bytes: int) -> None:
        """The centre can't take it: to be split, or, if it is a single record, set aside for a person to look at."""

    async def count_unanswered(self, lane: Lane, sent_bytes: int) -> None:
        """So much was sent in vain."""

    async def sent_today(self) -> int:
        """Bytes sent on this UTC day, in vain or not."""
