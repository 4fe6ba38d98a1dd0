"""How much ingest goes on at once, so that memory and connections have a bound however many boxes send."""

from dataclasses import dataclass
from typing import Self

from cloud_sync.batch_codec import MAX_BATCH_BYTES
from cloud_sync.cloud.load.turns import Turns
from cloud_sync.cloud.settings import CloudSettings

_BOTTLENECK = "ingest"


@dataclass(frozen=True, slots=True)
class IngestLoad:
    """What a batch waits for, in this order. Each is given back when the batch is dealt with.

    Attributes:
        doors: to be authenticated. Fewer than there are connections, so that batches inside find one to be written.
        bodies: bytes of compressed bodies in memory.
        turns: to be decompressed and written.
        parsing: bytes of decompressed batches that are parsed and written. What is made of them may take twenty times
            as much memory, if somebody means harm, so there is only as much at once as the largest batch.
    """

    doors: Turns
    bodies: Turns
    turns: Turns
    parsing: Turns

    @classmethod
    def for_settings(cls, settings: CloudSettings) -> Self:
        """The limits that these settings give."""
        wait_s = settings.ingest_wait_s
        return cls(
            doors=Turns(max(1, settings.pool_size - settings.concurrent_ingests), wait_s, _BOTTLENECK),
            bodies=Turns(settings.ingest_memory_mb * 2**20, wait_s, _BOTTLENECK),
            turns=Turns(settings.concurrent_ingests, wait_s, _BOTTLENECK),
            parsing=Turns(MAX_BATCH_BYTES, wait_s, _BOTTLENECK),
        )
