"""How large a request's body may be and how long it may take, whoever reads it: our routes, or FastAPI before them."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud_sync.cloud.api.problem import problem
from edge_runtime.errors import RefusedError

MAX_JSON_BYTES = 2**20


class BodyLimit:
    """ASGI middleware: reading a body stops as soon as it is larger than its path allows, or too slow.

    Who reads gets a `RefusedError`; FastAPI would call that a malformed body, so the answer is put right.
    """

    def __init__(self, app: ASGIApp, limits: Mapping[str, int], timeout_s: float) -> None:
        """Bytes at most by path; MAX_JSON_BYTES everywhere else."""
        self._app = app
        self._limits = limits
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._limits.get(scope["path"], MAX_JSON_BYTES), self._timeout_s, Headers(scope=scope))
        answered = False

        async def corrected(message: Message) -> None:
            nonlocal answered
            if body.refusal is None:
                await send(message)
            elif not answered:
                answered = True
                refusal = body.refusal
                await problem(Request(scope), refusal.status, str(refusal), refusal.hint)(scope, receive, send)

        await self._app(scope, body.receive, corrected)


class _Body:
    def __init__(self, receive: Receive, limit: int, timeout_s: float, headers: Headers) -> None:
        declared = headers.get("content-length", "0")
        self.refusal: RefusedError | None = None
        self._receive = receive
        self._limit = limit
        self._timeout_s = timeout_s
        self._declared = int(declared) if declared.isascii() and declared.isdigit() else 0
        self._size = 0
        self._ends_at: float | None = None
        self._whole = False

    async def receive(self) -> Message:
        """The next part of the body; after the last, that the client has gone.

        Raises:
            RefusedError: it is larger (413), or didn't arrive in time (408).
        """
        if self._whole:
            return await self._receive()
        self._check(max(self._declared, self._size))
        if self._ends_at is None:
            self._ends_at = asyncio.get_running_loop().time() + self._timeout_s
        try:
            async with asyncio.timeout_at(self._ends_at):
                message = await self._receive()
        except TimeoutError as error:
            self.refusal = RefusedError(
                f"the body didn't arrive within {self._timeout_s:g} s",
                status=408,
                hint="Send it again, or smaller batches.",
            )
            raise self.refusal from error
        self._size += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        self._check(self._size)
        return message

    def _check(self, size: int) -> None:
        if size > self._limit:
            self.refusal = RefusedError(
                f"the body is over {self._limit} bytes", status=413, hint="Send smaller batches."
            )
            raise self.refusal
