"""How long to wait before the next attempt at something that failed."""

import random
from collections.abc import Iterator


def backoff_delays(first_s: float, longest_s: float, rng: random.Random) -> Iterator[float]:
    """Endless delays in seconds: doubling from `first_s` to `longest_s`, each shortened by up to half at random.

    The jitter keeps many boxes from coming back to the same device or broker at the same moment.
    """
    delay = first_s
    while True:
        yield delay * rng.uniform(0.5, 1.0)
        delay = min(2 * delay, longest_s)
