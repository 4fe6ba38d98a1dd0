"""A real Modbus TCP server, in the test's own event loop, whose registers and faults the test sets."""

import asyncio
import struct
from collections.abc import Callable
from typing import cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

_TABLE = {3: "holding", 4: "input"}
_SIZE = 400


class ModbusDevice:
    """Registers that exist are those that were `put`; reading any other is exception 2.

    Attributes:
        reads: (table, address, count) of every read since it was made.
        refusal: an exception code to answer every read with.
        silent: answer nothing at all.
        delay_s: take this long to answer.
        after_read: called with table, address and count when a read has been answered.
    """

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.port = 0
        self.reads: list[tuple[str, int, int]] = []
        self.refusal: ExcCodes | None = None
        self.silent = False
        self.delay_s = 0.0
        self.after_read: Callable[[str, int, int], None] = lambda _table, _address, _count: None
        self._registers: dict[str, dict[int, int]] = {"holding": {}, "input": {}}
        self._server: ModbusTcpServer | None = None

    def put(self, table: str, address: int, number_format: str, *numbers: float) -> None:
        """Write numbers in a format of `struct`, such as "f" or "q", high word first."""
        content = struct.pack(f">{len(numbers)}{number_format}", *numbers)
        words = struct.unpack(f">{len(content) // 2}H", content)
        self._registers[table] |= {address + k: word for k, word in enumerate(words)}

    def remove(self, table: str, address: int) -> None:
        """Make a register one that the device doesn't have."""
        del self._registers[table][address]

    async def start(self) -> None:
        """Listen: on a free port the first time, on the same one later."""
        bits = [SimData(0, values=False, datatype=DataType.BITS)]
        tables = ([SimData(0, count=_SIZE, datatype=DataType.REGISTERS)] for _ in range(2))
        device = SimDevice(1, simdata=(bits, bits.copy(), *tables), action=self._answer)
        self._server = ModbusTcpServer(device, address=(self.host, self.port))
        await self._server.serve_forever(background=True)
        self.port = cast("asyncio.Server", self._server.transport).sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut all connections and stop listening."""
        if self._server is not None:
            await self._server.shutdown()
            self._server = None

    async def _answer(self, function, _start, address, count, registers, _written):
        table = _TABLE[function]
        self.reads.append((table, address, count))
        if self.silent:
            await asyncio.Event().wait()
        await asyncio.sleep(self.delay_s)
        if self.refusal is not None:
            return self.refusal
        content = self._registers[table]
        if not all(k in content for k in range(address, address + count)):
            return ExcCodes.ILLEGAL_ADDRESS
        registers[address : address + count] = [content[k] for k in range(address, address + count)]
        self.after_read(table, address, count)
        return None
