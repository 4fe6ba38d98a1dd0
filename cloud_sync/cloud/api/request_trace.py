"""Every request has a trace id: its own `traceparent`'s or a new one. Its log lines and problem answers name it.

When a request is over, one line says what it was and how it ended: route, status, duration. The route is the template,
never the address asked for, so that lines can be counted and nothing that somebody put into a URL is kept.
"""

import logging
import time

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud_sync.trace import HEADER, trace_id_of

_UNCOUNTED = ("/health", "/metrics", "/tuf/")
"""Asked every few seconds by machines, or plain files: logged when they fail."""
_log = structlog.get_logger(__name__)


class RequestTrace:
    """ASGI middleware that binds the trace id to the request's log lines and keeps it as `request.state.trace_id`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request within its trace."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = 500  # what the server answers when the app raises

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        trace_id = trace_id_of(Headers(scope=scope).get(HEADER))
        scope.setdefault("state", {})["trace_id"] = trace_id
        with structlog.contextvars.bound_contextvars(trace_id=trace_id):
            try:
                await self._app(scope, receive, observed)
            finally:
                _note(scope, status, time.monotonic() - started)


def _note(scope: Scope, status: int, duration_s: float) -> None:
    if status < 500 and scope["path"].startswith(_UNCOUNTED):
        return
    _log.log(
        logging.WARNING if status >= 500 else logging.INFO,
        "request",
        method=scope["method"],
        route=getattr(scope.get("route"), "path", ""),
        status=status,
        duration_ms=round(1000 * duration_s, 1),
    )
