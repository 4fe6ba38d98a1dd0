"""How long to wait after a failure, so that a fleet doesn't come back all at once."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait, seconds.

    Attributes:
        base_s: upper bound of the first wait; it doubles with every failure.
        cap_s: where doubling ends.
        idle_s: how often to look into an empty outbox, when nobody calls.
        credential_s: how often to offer a credential that was refused once more.
        credential_look_s: how often to look whether there is another one.
    """

    base_s: float = 1.0
    cap_s: float = 300.0
    idle_s: float = 60.0
    credential_s: float = 900.0
    credential_look_s: float = 5.0

    def wait_s(self, failures: int, retry_after_s: float | None, jitter: random.Random) -> float:
        """Wait before the next try after `failures` in a row (1 or more).

        Full jitter over an exponential bound (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
        2015), on top of what the centre asked for.
        """
        bound = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 60))
        return (retry_after_s or 0.0) + jitter.uniform(0.0, bound)


RETRY_POLICY = RetryPolicy()
