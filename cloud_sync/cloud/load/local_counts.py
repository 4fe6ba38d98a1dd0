"""Counts of requests in this process, at a cost that doesn't grow with how many callers there are."""

import time
from collections import deque

from limits.aio.storage import MemoryStorage

MAX_KEYS = 200_000
"""Two for each caller of the last two minutes; each takes some 400 bytes."""


class LocalCounts(MemoryStorage):
    """The storage of `limits`, which at every count looks through all keys for those that are over.

    This one looks at the oldest alone, and has a bound: whoever makes up credentials at many addresses can't fill the
    memory with them. What is beyond it is forgotten from the oldest on, which only gives somebody more than his budget.
    """

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        super().__init__()
        self._max_keys = max_keys
        self._by_age: deque[tuple[float, str]] = deque()

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` more of `key`, which is forgotten `expiry` seconds after its first; how many there are."""
        now = time.time()
        while self._by_age and (self._by_age[0][0] <= now or len(self._by_age) >= self._max_keys):
            self._forget(*self._by_age.popleft())
        if key not in self.expirations:
            self.expirations[key] = now + expiry
            self._by_age.append((now + expiry, key))
        self.storage[key] += amount
        return self.storage[key]

    def _forget(self, expires: float, key: str) -> None:
        if self.expirations.get(key) == expires:  # else it was begun anew, and has a later entry
            del self.expirations[key]
            self.storage.pop(key, None)
