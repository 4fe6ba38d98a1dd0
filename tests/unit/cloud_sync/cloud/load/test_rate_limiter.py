"""Counting against budgets, with a clock of the test's."""

import asyncio
from types import SimpleNamespace

import pytest
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cloud_sync.cloud.load import local_counts, rate_limiter
from cloud_sync.cloud.load.budgets import Budget, Caller
from cloud_sync.cloud.load.rate_limiter import RateLimiter

BOX, OTHER = Caller(Budget.BOXES, "a"), Caller(Budget.BOXES, "b")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """At the start of a minute."""
    clock = SimpleNamespace(now=1_700_000_040.0)
    fake = SimpleNamespace(time=lambda: clock.now)
    for module in ("limits.aio.storage.memory", "limits.aio.strategies", local_counts.__name__, rate_limiter.__name__):
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


async def test_of_those_who_ask_while_redis_hangs_one_tries_it_again(clock: SimpleNamespace) -> None:
    tried = 0

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tried
        tried += 1

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        pool = ConnectionPool(host="127.0.0.1", port=port, socket_timeout=0.1, retry=Retry(NoBackoff(), 0))
        limiter = RateLimiter({Budget.BOXES: 3}, pool, monotonic=lambda: clock.now)
        assert (await limiter.take(BOX)).allowed
        assert tried == 1
        assert not limiter.shared

        clock.now += 6
        assert [one.allowed for one in await asyncio.gather(*(limiter.take(OTHER) for _ in range(4)))].count(True) == 3
        assert tried == 2
        await limiter.close()
