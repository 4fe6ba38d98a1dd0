"""Connections to the server: how many there may be, and how long one may take to say what it wants.

uvicorn has no bound for the time in which a request's head must arrive: a client that sends a byte now and then would
keep its connection for ever (the attack called Slowloris). And its own answer to too many connections says nothing of
when to come again.
"""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from cloud_sync.cloud.api.problem import problem
from cloud_sync.cloud.metrics import CentreMetrics
from cloud_sync.cloud.settings import CloudSettings


class Connection(H11Protocol):
    """One connection of the server; `limited_connection` makes the class that knows the limits."""

    head_timeout_s: float
    max_connections: int
    refusal: ASGIApp

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Expect a request, to be refused if this connection is one too many."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self.app = self.refusal
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Take what came. The time for a head runs from its first byte, and for what is left of a refused body."""
        super().data_received(data)
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering or self.timeout_keep_alive_task is not None:
            self._stop_timer()
        elif self._head_timer is None:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._stop_timer()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_s, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def limited_connection(settings: CloudSettings, metrics: CentreMetrics) -> type[Connection]:
    """The class of connections with these settings' limits."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        metrics.refused_for_load.labels("connections").inc()
        answer = problem(
            Request(scope), 503, "this server has too many connections", "Try again later.", settings.retry_after_s
        )
        answer.headers["Connection"] = "close"
        await answer(scope, receive, send)

    class Limited(Connection):
        head_timeout_s = settings.head_timeout_s
        max_connections = settings.max_connections
        refusal = staticmethod(refuse)

    return Limited
