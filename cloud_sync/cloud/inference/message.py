"""Messages between the server and a worker of its own: a pickle, and beside it the samples of windows as they are.

With the samples in it a pickle would be made and read in memory that is new each time, whose pages the kernel has to
find and clear: 0.4 ms of CPU more for a window of the rig's size.
"""

import pickle
from itertools import accumulate, pairwise
from struct import Struct
from typing import Any

_LENGTHS = Struct("<QQ")
_ALIGNMENT = 64
"""Samples begin at a multiple of it, as numpy would have placed them."""

LENGTHS_BYTES = _LENGTHS.size
"""How a message begins: with the lengths of head and samples."""


class MessageMemory:
    """Where one message after the other is put together, or received; each lives until the next."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def room(self, size: int) -> memoryview:
        """So many bytes, the same ones each time."""
        if size > len(self._bytes):
            self._bytes = bytearray(size)
        return memoryview(self._bytes)[:size]


def packed(message: object, memory: MessageMemory) -> memoryview:
    """What to send: lengths, head, samples."""
    samples: list[memoryview] = []
    text = pickle.dumps(message, protocol=5, buffer_callback=lambda part: samples.append(part.raw()))
    head = pickle.dumps((text, [part.nbytes for part in samples]))
    head += bytes(-(LENGTHS_BYTES + len(head)) % _ALIGNMENT)
    samples_bytes = sum(part.nbytes for part in samples)
    whole = memory.room(LENGTHS_BYTES + len(head) + samples_bytes)
    _LENGTHS.pack_into(whole, 0, len(head), samples_bytes)
    start = LENGTHS_BYTES
    for part in (memoryview(head), *samples):
        whole[start : (start := start + part.nbytes)] = part
    return whole


def lengths(start: memoryview) -> tuple[int, int]:
    """How many bytes of head and of samples follow on the first LENGTHS_BYTES of a message."""
    head, samples = _LENGTHS.unpack(start)
    return head, samples


def unpacked(head: memoryview, samples: memoryview) -> Any:  # noqa: ANN401 - whatever was sent
    """The message; its arrays are the samples, not copies of them."""
    text, sizes = pickle.loads(head)  # noqa: S301  from the other end of a socket that nobody else has
    ends = accumulate(sizes, initial=0)
    parts = [samples[start:end] for start, end in pairwise(ends)]
    return pickle.loads(text, buffers=parts)  # noqa: S301  likewise
