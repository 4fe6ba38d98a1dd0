"""Every request has a trace id: its own `traceparent`'s or a new one. Its log lines and problem answers name it."""

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from cloud_sync.trace import HEADER, trace_id_of


class RequestTrace:
    """ASGI middleware that binds the trace id to the request's log lines and keeps it as `request.state.trace_id`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request within its trace."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = trace_id_of(Headers(scope=scope).get(HEADER))
        scope.setdefault("state", {})["trace_id"] = trace_id
        with structlog.contextvars.bound_contextvars(trace_id=trace_id):
            await self._app(scope, receive, send)
