"""Counts requests against budgets: in Redis, which all servers share, or in this process.

While Redis doesn't answer each server counts for itself, with the same budgets: a fleet behind N servers then gets at
most N times as much, and nobody is locked out (docs/adr/0073-limits.md).
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import RateLimiter as Strategy
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from redis.asyncio import BlockingConnectionPool, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cloud_sync.cloud.load.budgets import Budget, Caller
from cloud_sync.cloud.load.local_counts import LocalCounts
from cloud_sync.cloud.settings import CloudSettings

_log = structlog.get_logger(__name__)
_KEY_PREFIX = "hydrosight"
_REDIS_TIMEOUT_S = 2.0
"""For a connection, and for an answer, which takes a millisecond: late is this server itself, when others take its CPU.
Given up too soon, each server would count alone for no fault of Redis."""
_REDIS_AGAIN_S = 5.0
_REDIS_CONNECTIONS = 32
_WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands within its budget.

    Attributes:
        allowed: this request is within it.
        quota: requests a minute.
        remaining: how many more are allowed now.
        reset_s: until there is room for one more; whole seconds, 0 while there is room.
    """

    allowed: bool
    quota: int
    remaining: int
    reset_s: int


class RateLimiter:
    """Sliding windows of a minute, one for each caller.

    Attributes:
        shared: counts are in Redis now.
    """

    def __init__(
        self,
        quotas: Mapping[Budget, int],
        redis: ConnectionPool | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Limit to `quotas`, requests a minute; a budget with 0, or none, is without limit."""
        self.shared = redis is not None
        self._items = {
            budget: RateLimitItemPerMinute(quota, namespace=budget) for budget, quota in quotas.items() if quota
        }
        self._pool = redis
        self._redis = None if redis is None else SlidingWindowCounterRateLimiter(_storage(redis))
        self._local = SlidingWindowCounterRateLimiter(LocalCounts())
        self._monotonic = monotonic
        self._redis_from_s = 0.0

    async def take(self, caller: Caller) -> Standing | None:
        """Count one request; None where there is no limit. One that isn't allowed isn't counted."""
        return await self._ask(caller, count=True)

    async def look(self, caller: Caller) -> Standing | None:
        """Where the caller stands, without counting anything."""
        return await self._ask(caller, count=False)

    async def close(self) -> None:
        """Give up connections to Redis."""
        if self._pool is not None:
            await self._pool.disconnect()

    async def _ask(self, caller: Caller, *, count: bool) -> Standing | None:
        item = self._items.get(caller.budget)
        if item is None:
            return None
        if self._redis is not None and self._monotonic() >= self._redis_from_s:
            if not self.shared:  # one request finds out, the others needn't wait for that
                self._redis_from_s = self._monotonic() + _REDIS_AGAIN_S
            try:
                standing = await _standing(self._redis, item, caller.key, count=count)
            except StorageError as error:
                self._redis_from_s = self._monotonic() + _REDIS_AGAIN_S
                self._note(shared=False, problem=str(error.storage_error))
            else:
                self._redis_from_s = 0.0
                self._note(shared=True)
                return standing
        return await _standing(self._local, item, caller.key, count=count)

    def _note(self, *, shared: bool, problem: str = "") -> None:
        if shared == self.shared:
            return
        self.shared = shared
        if shared:
            _log.info("rate limits are shared again")
        else:
            _log.warning("rate limits count per server", problem=problem, hint="Is Redis running, and redis_url right?")


async def _standing(strategy: Strategy, item: RateLimitItemPerMinute, key: str, *, count: bool) -> Standing:
    allowed = await (strategy.hit if count else strategy.test)(item, key)
    statistics = await strategy.get_window_stats(item, key)
    reset_s = min(max(math.ceil(statistics.reset_time - time.time()), 1), _WINDOW_S)
    return Standing(allowed, item.amount, statistics.remaining, 0 if allowed and statistics.remaining else reset_s)


def open_rate_limiter(settings: CloudSettings) -> RateLimiter:
    """The limiter for these settings.

    Raises:
        ConfigurationError: the file with Redis' URL can't be read.
    """
    quotas = {
        Budget.BOXES: settings.box_requests_per_minute,
        Budget.OPERATORS: settings.operator_requests_per_minute,
        Budget.INFERENCE: settings.inference_requests_per_minute,
        Budget.STRANGERS: settings.refused_tries_per_minute,
    }
    url = settings.redis_connection_string()
    if url is None:
        return RateLimiter(quotas)
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_REDIS_CONNECTIONS,
        timeout=_REDIS_TIMEOUT_S,
        socket_timeout=_REDIS_TIMEOUT_S,
        socket_connect_timeout=_REDIS_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    return RateLimiter(quotas, pool)


def _storage(pool: ConnectionPool) -> RedisStorage:
    return RedisStorage(
        "redis://",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix=_KEY_PREFIX,
        connection_pool=pool,  # type: ignore[arg-type]  # goes on as it is to redis.asyncio.Redis
    )
