"""Requests to the centre that always come back, over a connection that is made anew when its files change."""

import asyncio
from pathlib import Path
from typing import Self

import httpx
import structlog

from cloud_sync.box_time import HEADER as CLOCK_HEADER
from cloud_sync.box_time import BoxTime
from cloud_sync.edge.centre import raise_for_answer, unreachable
from cloud_sync.edge.link import Link
from cloud_sync.trace import HEADER, traceparent
from cloud_sync.wire import Message, decode_json
from edge_runtime.errors import CentreUnreachableError, ConfigurationError, WireError

_log = structlog.get_logger(__name__)
_DEADLINES = 10
"""A request is given up after this many timeouts, however busily something trickles bytes."""
_SOMETHING_BETWEEN = "Is something on the way that answers for the centre, such as a login page?"
_MAX_ANSWER_BYTES = 256 * 2**10
_Stamp = tuple[tuple[int, int, int] | None, ...]


class CentreClient:
    """The centre's API as the box uses it.

    A certificate, key or password that is replaced on the disk is taken up with the next request. Files that don't fit
    each other, as between the writing of one and of the other, leave the connection as it is.
    """

    def __init__(self, link: Link, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Open it.

        Raises:
            ConfigurationError: the link can't be used.
        """
        self._link = link
        self._transport = transport
        self._stamp = _stamp(link.files)
        self._client = link.open(transport)

    async def post(
        self,
        path: str,
        content: bytes,
        content_type: str,
        credential: str,
        answer: type[Message],
        trace_id: str | None = None,
        box_time: BoxTime | None = None,
    ) -> Message:
        """Send a request and wait for its answer, which is JSON of that form. With a trace id it is part of that trace.

        `box_time`: what time it is at the box, for a centre that compares it with its own.

        Raises:
            CentreUnreachableError: no answer, not the centre's, or a passing fault; to be tried again.
            CredentialError: the centre doesn't accept the credential.
            RefusedError: the centre would refuse the same again.
        """
        await self._renew()
        headers = {"Content-Type": content_type, "Authorization": f"Bearer {credential}"}
        if trace_id is not None:
            headers[HEADER] = traceparent(trace_id)
        if box_time is not None:
            headers[CLOCK_HEADER] = box_time.header()
        try:
            async with (
                asyncio.timeout(self._link.timeout_s * _DEADLINES),
                self._client.stream("POST", path, content=content, headers=headers) as response,
            ):
                said = await self._read(response)
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
            raise unreachable(error, self._link.url) from error
        raise_for_answer(said)
        try:
            return decode_json(said.content, answer)
        except WireError as error:
            raise CentreUnreachableError(
                f"what answers at {path} isn't the centre: {error}", hint=_SOMETHING_BETWEEN
            ) from error

    async def aclose(self) -> None:
        """Let the connection go."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _read(self, response: httpx.Response) -> httpx.Response:
        """The answer, whole: the centre's are short."""
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MAX_ANSWER_BYTES:
                raise CentreUnreachableError(
                    f"{self._link.url} answers with more than {_MAX_ANSWER_BYTES} bytes",
                    hint=_SOMETHING_BETWEEN,
                )
        # What it was compressed with no longer says anything about it.
        headers = [item for item in response.headers.multi_items() if item[0].lower() != "content-encoding"]
        return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=response.request)

    async def _renew(self) -> None:
        stamp = await asyncio.to_thread(_stamp, self._link.files)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            fresh = await asyncio.to_thread(self._link.open, self._transport)
        except ConfigurationError as error:
            _log.warning("certificate not taken up", reason=str(error), hint=error.hint)
            return
        former, self._client = self._client, fresh
        await former.aclose()
        _log.info("connection made anew", files=[str(file) for file in self._link.files])


def _stamp(files: tuple[Path, ...]) -> _Stamp:
    """What tells one content of the files from another, without reading them."""

    def one(file: Path) -> tuple[int, int, int] | None:
        try:
            stat = file.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    return tuple(one(file) for file in files)
