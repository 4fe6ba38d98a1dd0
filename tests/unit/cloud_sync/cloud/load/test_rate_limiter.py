"""Counting against budgets, with a clock of the test's."""

from types import SimpleNamespace

import pytest

from cloud_sync.cloud.load import rate_limiter
from cloud_sync.cloud.load.budgets import Budget, Caller
from cloud_sync.cloud.load.rate_limiter import RateLimiter

BOX, OTHER = Caller(Budget.BOXES, "a"), Caller(Budget.BOXES, "b")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """At the start of a minute."""
    clock = SimpleNamespace(now=1_700_000_040.0)
    fake = SimpleNamespace(time=lambda: clock.now)
    for module in ("limits.aio.storage.memory", "limits.aio.strategies", rate_limiter.__name__):
        monkeypatch.setattr(f"{module}.time", fake)
    return clock


async def test_a_caller_gets_its_quota_and_is_told_when_there_is_more(clock: SimpleNamespace) -> None:
    limiter = RateLimiter({Budget.BOXES: 3}, monotonic=lambda: clock.now)

    standings = [await limiter.take(BOX) for _ in range(4)]

    assert [standing.allowed for standing in standings] == [True, True, True, False]
    assert [standing.remaining for standing in standings] == [2, 1, 0, 0]
    assert 0 < standings[-1].reset_s <= 60
    assert (await limiter.take(OTHER)).allowed
    clock.now += 60 + 10  # five sixths of the last minute still count
    assert (await limiter.take(BOX)).allowed
    assert not (await limiter.take(BOX)).allowed


async def test_looking_costs_nothing(clock: SimpleNamespace) -> None:
    limiter = RateLimiter({Budget.BOXES: 1}, monotonic=lambda: clock.now)

    for _ in range(3):
        assert (await limiter.look(BOX)).allowed
    await limiter.take(BOX)
    assert not (await limiter.look(BOX)).allowed


async def test_a_budget_of_nothing_is_none(clock: SimpleNamespace) -> None:
    limiter = RateLimiter({Budget.BOXES: 0}, monotonic=lambda: clock.now)

    assert await limiter.take(BOX) is None
    assert await limiter.take(Caller(Budget.OPERATORS, "a")) is None
