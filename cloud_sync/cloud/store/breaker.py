"""A circuit breaker: while what it guards doesn't answer, nobody waits for that to happen again.

After M. Nygard, "Release It!" (2007). Requests never serve as the trial: a probe of its own finds out, so none of them
is lost to it.
"""

from enum import StrEnum

from edge_runtime.errors import DatabaseError


class BreakerState(StrEnum):
    """Requests go through only while it is closed."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    """The last probe failed, and one is on its way."""
    OPEN = "open"

    @property
    def openness(self) -> float:
        """For a metric: 0 closed, 0.5 half open, 1 open."""
        return list(type(self)).index(self) / 2


class Breaker:
    """Opened by a probe that fails, closed by one that succeeds; open until the first.

    Attributes:
        state: what it is in.
        problem: what the last probe found; empty while closed.
    """

    def __init__(self, problem: str, hint: str) -> None:
        """Open, because of `problem`; `hint` says what to do about any."""
        self.state = BreakerState.OPEN
        self.problem = problem
        self._hint = hint

    @property
    def closed(self) -> bool:
        """Whether requests go through."""
        return self.state is BreakerState.CLOSED

    def guard(self) -> None:
        """Let a request through.

        Raises:
            DatabaseError: it isn't closed.
        """
        if not self.closed:
            raise DatabaseError(f"the database is not ready: {self.problem}", hint=self._hint)

    def probing(self) -> None:
        """A probe is on its way."""
        if self.state is BreakerState.OPEN:
            self.state = BreakerState.HALF_OPEN

    def failed(self, problem: str) -> bool:
        """A probe failed; True if it was closed until now."""
        opened = self.closed
        self.state, self.problem = BreakerState.OPEN, problem
        return opened

    def succeeded(self) -> bool:
        """A probe succeeded; True if it was open until now."""
        closed = not self.closed
        self.state, self.problem = BreakerState.CLOSED, ""
        return closed
