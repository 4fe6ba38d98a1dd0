"""A centre on a real socket that misbehaves as the test says, and takes each batch once, as the real one does."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import msgspec

from cloud_sync.batch_codec import decode_batch
from cloud_sync.wire import Acknowledgement

Record = tuple[str, int]
"""What a record is ("window", "diagnosis", "alert"), and its time in microseconds."""


@dataclass
class RudeCentre:
    """What it does to a request comes from `manners`, one word each time; used up, it is polite.

    polite · cut body (hangs up halfway through the request) · cut answer (commits, and hangs up) · half answer ·
    429 · 500 · 503 · never (doesn't answer) · redirect · portal (a login page) · garbage · endless (an answer without
    end) · reset

    Attributes:
        arrived: every record of every batch it has committed.
        batches: of every batch it has committed, whether it was backlog.
        duplicates: how many batches came again.
        peers: subject of the client's certificate, by request.
    """

    manners: Iterator[str] = field(default_factory=lambda: iter(()))
    tls: ssl.SSLContext | None = None
    arrived: list[Record] = field(default_factory=list)
    batches: list[bool] = field(default_factory=list)
    duplicates: int = 0
    peers: list[str] = field(default_factory=list)
    on_batch: Callable[[], None] = lambda: None
    port: int = 0
    _receipts: set[tuple[str, int]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            while await self._answer(reader, writer):
                pass
        writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        if certificate := writer.get_extra_info("peercert"):
            self.peers.append(dict(pair[0] for pair in certificate["subject"])["organizationalUnitName"])
        manner = next(self.manners, "polite")
        if manner == "reset":
            return False
        if manner == "cut body":
            await reader.readexactly(length // 2)
            return False
        body = await reader.readexactly(length)
        if manner == "never":
            await asyncio.sleep(3600)
        if manner in {"polite", "cut answer", "half answer"}:
            answer = self._commit(body)
            if manner == "cut answer":
                return False
            writer.write(_response("200 OK", answer)[: -len(answer) // 2 if manner == "half answer" else None])
        elif manner == "endless":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                await writer.drain()
        else:
            writer.write(_RUDE[manner])
        await writer.drain()
        return manner == "polite" and self.tls is None

    def _commit(self, body: bytes) -> bytes:
        batch = decode_batch(body)
        name = (batch.boot, batch.number)
        duplicate = name in self._receipts
        if duplicate:
            self.duplicates += 1
        else:
            self._receipts.add(name)
            self.batches.append(batch.backlog)
            self.arrived += [("window", item.start_us) for item in batch.windows]
            self.arrived += [("diagnosis", item.start_us) for item in batch.diagnoses]
            self.arrived += [("alert", item.time_us) for item in batch.alerts]
        self.on_batch()
        return msgspec.json.encode(Acknowledgement(*name, duplicate=duplicate))


def _response(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


_RUDE = {
    "500": _response("500 Internal Server Error", b"oops"),
    "429": _response("429 Too Many Requests", b"", "Retry-After: 0"),
    "503": _response("503 Service Unavailable", b"", "Retry-After: 0"),
    "redirect": _response("302 Found", b"", "Location: https://example.com/login"),
    "portal": _response("200 OK", b"<html>Please log in</html>", "Content-Type: text/html"),
    "garbage": b"SSH-2.0-OpenSSH_9.2\r\n",
}
