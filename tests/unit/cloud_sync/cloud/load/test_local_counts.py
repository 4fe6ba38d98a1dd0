"""Counts in one process: what a count costs and how many there may be doesn't depend on who else asks."""

from types import SimpleNamespace

import pytest
from limits import RateLimitItemPerMinute
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from cloud_sync.cloud.load import local_counts
from cloud_sync.cloud.load.local_counts import LocalCounts

TWICE = RateLimitItemPerMinute(2)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """At the start of a minute."""
    clock = SimpleNamespace(now=1_700_000_040.0)
    for module in ("limits.aio.storage.memory", "limits.aio.strategies", local_counts.__name__):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(time=lambda: clock.now))
    return clock


async def test_what_is_over_is_forgotten_and_nothing_goes_through_all_the_others(clock: SimpleNamespace) -> None:
    counts = LocalCounts()
    limiter = SlidingWindowCounterRateLimiter(counts)
    for caller in range(100):
        await limiter.hit(TWICE, f"early-{caller}")
    clock.now += 90
    await limiter.hit(TWICE, "late")
    assert len(counts.storage) == 101

    clock.now += 31  # two minutes after the early ones
    await limiter.hit(TWICE, "late")

    assert {key.split("/")[1] for key in counts.storage} == {"late"}
    assert set(counts.expirations) == set(counts.storage)
    assert counts.timer is None
    assert not counts.locks


async def test_one_that_is_begun_anew_is_kept_for_its_own_time(clock: SimpleNamespace) -> None:
    counts = LocalCounts()
    await counts.incr("a", 60)
    clock.now += 61
    assert await counts.get("a") == 0
    assert await counts.incr("a", 60) == 1
    clock.now += 30
    assert await counts.incr("b", 60) == 1
    assert await counts.incr("a", 60) == 2


async def test_made_up_callers_push_out_the_oldest_counts_and_fill_no_memory(clock: SimpleNamespace) -> None:
    counts = LocalCounts(max_keys=10)
    limiter = SlidingWindowCounterRateLimiter(counts)
    for caller in range(50):
        await limiter.hit(TWICE, f"forged-{caller}")
    assert len(counts.storage) == len(counts.expirations) == 10

    assert [await limiter.hit(TWICE, "forged-49") for _ in range(2)] == [True, False]
