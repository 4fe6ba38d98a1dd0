"""A rate in bytes a second, kept over time rather than over every moment."""

from dataclasses import dataclass, replace

BURST_S = 5.0
"""What wasn't used in so many seconds may be made up for at once."""


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """A token bucket that may be overdrawn: what is sent is whole, and paid for afterwards.

    Attributes:
        rate: bytes a second.
        level: bytes that may be sent now; below 0 after a batch larger than what was there.
        at_s: when that was so, by the clock that every call is given.
    """

    rate: float
    level: float = 0.0
    at_s: float = 0.0

    def wait_s(self, now_s: float) -> float:
        """Seconds until something may be sent again; 0 when it may now."""
        return max(0.0, -self._filled(now_s) / self.rate)

    def after(self, size: int, now_s: float) -> "TokenBucket":
        """The bucket once so much was sent."""
        return replace(self, level=self._filled(now_s) - size, at_s=now_s)

    def _filled(self, now_s: float) -> float:
        return min(self.rate * BURST_S, self.level + self.rate * max(0.0, now_s - self.at_s))
