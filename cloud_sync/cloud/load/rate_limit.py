"""Requests over a budget get 429 with Retry-After, before anything is read or asked of the database.

Headers as in draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy: "boxes";q=600;w=60`, `RateLimit:
"boxes";r=599;t=0` (what is left, and seconds until there is more).
"""

from collections import OrderedDict

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud_sync.cloud.api.problem import problem
from cloud_sync.cloud.load.budgets import Budget, Caller, caller_of, stranger_at
from cloud_sync.cloud.load.rate_limiter import RateLimiter, Standing
from cloud_sync.cloud.metrics import CentreMetrics

_log = structlog.get_logger(__name__)
_LIMITED = "/api/"
_MAX_KNOWN = 100_000
_WHAT = {
    Budget.BOXES: "this box sends more requests than it may",
    Budget.OPERATORS: "this token asks more often than it may",
    Budget.INFERENCE: "this token asks for more diagnoses than it may",
    Budget.STRANGERS: "too many tries from this address were refused",
}
_HINT = {
    Budget.STRANGERS: "Wait, then try with a token that was just made. Boxes that are let in go on undisturbed.",
}


class RateLimit:
    """ASGI middleware over what is under /api/.

    Requests with a credential draw on the credential's budget. Refusals draw on their address's; when that is used up,
    only credentials that were accepted before are still listened to from there: one box with a wrong credential, or an
    attacker in the same network, doesn't keep the others out.
    """

    def __init__(self, app: ASGIApp, limiter: RateLimiter, metrics: CentreMetrics) -> None:
        self._app = app
        self._limiter = limiter
        self._metrics = metrics
        self._known: OrderedDict[Caller, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http" or not scope["path"].startswith(_LIMITED):
            await self._app(scope, receive, send)
            return
        caller = caller_of(scope["path"], Headers(scope=scope).get("authorization"))
        stranger = stranger_at((scope.get("client") or (None,))[0])
        if caller not in self._known:
            standing = await self._limiter.look(stranger)
            if standing is not None and not standing.allowed:
                await self._refuse(scope, receive, send, stranger.budget, standing)
                return
        standing = None if caller is None else await self._limiter.take(caller)
        if caller is not None and standing is not None and not standing.allowed:
            await self._refuse(scope, receive, send, caller.budget, standing)
            return

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._learn(caller, stranger, message["status"])
                if caller is not None and standing is not None:
                    _tell(MutableHeaders(scope=message), caller.budget, standing)
            await send(message)

        await self._app(scope, receive, observed)

    async def _learn(self, caller: Caller | None, stranger: Caller, status: int) -> None:
        """What the answer says about who asked."""
        if caller is not None and 200 <= status < 300:
            self._known[caller] = None
            self._known.move_to_end(caller)
            if len(self._known) > _MAX_KNOWN:
                self._known.popitem(last=False)
        elif status == 401 or (caller is None and 400 <= status < 500):
            if caller is not None:
                self._known.pop(caller, None)
            await self._limiter.take(stranger)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, budget: Budget, standing: Standing) -> None:
        self._metrics.refused_for_load.labels(budget).inc()
        hint = _HINT.get(budget, f"At most {standing.quota} a minute; wait as long as Retry-After says.")
        response = problem(Request(scope), 429, _WHAT[budget], hint, standing.reset_s)
        _tell(response.headers, budget, standing)
        await response(scope, receive, send)


def _tell(headers: MutableHeaders, budget: Budget, standing: Standing) -> None:
    headers["RateLimit-Policy"] = f'"{budget}";q={standing.quota};w=60'
    headers["RateLimit"] = f'"{budget}";r={standing.remaining};t={standing.reset_s}'
