"""A Modbus device written byte by byte, which can also answer what no proper server would.

It speaks Modbus TCP frames or RTU frames, over TCP, TLS or a pseudo-terminal, for any number of units.
"""

import asyncio
import os
import ssl
import struct
import tty
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from pymodbus.framer import FramerRTU

TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS = 1, 2
Send = Callable[[bytes], None]


@dataclass(frozen=True)
class Request:
    """A read that arrived; `transaction` is 0 over RTU."""

    transaction: int
    unit: int
    function: int
    address: int
    count: int


class MbapFrames:
    """Modbus TCP."""

    size = 12

    def request(self, frame: bytes) -> Request:
        transaction, _, _, unit, function, address, count = struct.unpack(">HHHBBHH", frame)
        return Request(transaction, unit, function, address, count)

    def answer(self, transaction: int, unit: int, pdu: bytes) -> bytes:
        return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


class RtuFrames:
    """RTU, without the silences."""

    size = 8

    def request(self, frame: bytes) -> Request:
        return Request(0, *struct.unpack(">BBHH", frame[:6]))

    def answer(self, transaction: int, unit: int, pdu: bytes) -> bytes:
        frame = bytes([unit]) + pdu
        return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


@dataclass
class WireDevice:
    """Registers and bits by unit and table. Reading what was never put is exception 2.

    Attributes:
        units: unit → table → address → register or bit.
        requests: all that arrived.
        silent: units that don't answer.
        connections: made so far, over TCP.
    """

    frames: MbapFrames | RtuFrames = field(default_factory=MbapFrames)
    units: dict[int, dict[str, dict[int, int]]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    silent: set[int] = field(default_factory=set)
    connections: int = 0

    def put(self, unit: int, table: str, address: int, *words: int) -> None:
        """Write registers or bits."""
        registers = self.units.setdefault(unit, {}).setdefault(table, {})
        registers |= {address + k: word for k, word in enumerate(words)}

    def put_floats(self, unit: int, table: str, address: int, *numbers: float) -> None:
        """Write float32 numbers, high word first."""
        content = struct.pack(f">{len(numbers)}f", *numbers)
        self.put(unit, table, address, *struct.unpack(f">{len(content) // 2}H", content))

    def pdu(self, request: Request) -> bytes:
        """The proper answer."""
        table = self.units.get(request.unit, {}).get(TABLES.get(request.function, ""), {})
        span = range(request.address, request.address + request.count)
        if request.function not in TABLES:
            return bytes([request.function | 0x80, ILLEGAL_FUNCTION])
        if not all(address in table for address in span):
            return bytes([request.function | 0x80, ILLEGAL_ADDRESS])
        if request.function <= 2:
            packed = sum(table[address] << k for k, address in enumerate(span))
            content = packed.to_bytes((request.count + 7) // 8, "little")
        else:
            content = struct.pack(f">{request.count}H", *(table[address] for address in span))
        return bytes([request.function, len(content)]) + content

    async def respond(self, request: Request, send: Send) -> None:
        """Answer a request; misbehaving devices override it."""
        if request.unit not in self.silent:
            send(self.frames.answer(request.transaction, request.unit, self.pdu(request)))

    @asynccontextmanager
    async def over_tcp(self, context: ssl.SSLContext | None = None):
        """Listen on a free port of 127.0.0.1, which is given."""
        writers = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            writers.add(writer)
            try:
                while True:
                    await self._serve_one(reader.readexactly, writer.write)
                    if writer.is_closing():
                        return
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                pass  # the other side has gone, or the test is over
            finally:
                writers.discard(writer)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for writer in list(writers):
                writer.transport.abort()
            await asyncio.sleep(0)

    @asynccontextmanager
    async def over_serial(self):
        """Answer on a pseudo-terminal, whose path is given."""
        with _pseudo_terminal() as (master, path):
            stream = asyncio.StreamReader()
            loop = asyncio.get_running_loop()
            loop.add_reader(master, lambda: stream.feed_data(os.read(master, 1024)))
            task = asyncio.create_task(self._serve(stream.readexactly, lambda content: os.write(master, content)))
            try:
                yield path
            finally:
                loop.remove_reader(master)
                task.cancel()

    async def _serve(self, read: Callable[[int], Awaitable[bytes]], send: Send) -> None:
        while True:
            await self._serve_one(read, send)

    async def _serve_one(self, read: Callable[[int], Awaitable[bytes]], send: Send) -> None:
        request = self.frames.request(await read(self.frames.size))
        self.requests.append(request)
        await self.respond(request, send)


@contextmanager
def _pseudo_terminal() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)
