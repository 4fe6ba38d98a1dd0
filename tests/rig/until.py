"""Wait for a condition instead of for time."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, timeout_s: float = 60) -> T:
    """Wait until `condition` gives something true, and return that; the test fails when it doesn't in time."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s:.0f} s: {what}", pytrace=True)
        time.sleep(0.05)
    return found
