"""The simulated machine's Modbus TCP device."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge_runtime.errors import SourceError
from simulator.endpoint import Endpoint
from simulator.replay import Instant
from simulator.wiring import UNIT, RegisterKind, RegisterTable, Wiring

_READ_FUNCTION = {RegisterKind.HOLDING: 3, RegisterKind.INPUT: 4}

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class ModbusServer:
    """Serves the registers of a wiring. The registers of a table always hold one instant: clock and values together."""

    def __init__(self, wiring: Wiring) -> None:
        self._images = {_READ_FUNCTION[table.kind]: _Image(table) for table in wiring.tables}

    def show(self, instant: Instant) -> None:
        """Put the samples of an instant into the registers."""
        for image in self._images.values():
            image.take(instant)

    @asynccontextmanager
    async def serve(self, endpoint: Endpoint) -> AsyncIterator[Endpoint]:
        """Answer on host and port (0: any free one) inside the `with` block, which is given the actual port.

        Raises:
            SourceError: the port can't be listened on.
        """
        server = ModbusTcpServer(self._device(), address=(endpoint.host, endpoint.port))
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise SourceError(
                f"can't listen on {endpoint} for Modbus TCP",
                hint="Another program may use the port: choose another with --modbus, or port 0 for any free one.",
            ) from error
        listener = cast("asyncio.Server", server.transport)
        try:
            yield Endpoint(endpoint.host, int(listener.sockets[0].getsockname()[1]))
        finally:
            await server.shutdown()  # type: ignore[no-untyped-call]

    def _device(self) -> SimDevice:
        no_bits = [SimData(0, values=False, datatype=DataType.BITS)]
        registers = (
            [SimData(0, count=self._images[code].table.width, datatype=DataType.REGISTERS, readonly=True)]
            for code in _READ_FUNCTION.values()
        )
        holding, inputs = registers
        return SimDevice(UNIT, simdata=(no_bits, no_bits.copy(), holding, inputs), action=self._fill_in)

    async def _fill_in(
        self,
        function_code: int,
        _start: int,
        _address: int,
        _count: int,
        registers: list[int],
        _written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Called before each answer: the registers are copied from the image of that moment."""
        image = self._images.get(function_code)
        if image is None:
            return ExcCodes.ILLEGAL_FUNCTION
        registers[: image.table.width] = image.registers
        return None


class _Image:
    """What the registers of a table hold. The clock stands at 0 until the first sample."""

    def __init__(self, table: RegisterTable) -> None:
        self.table = table
        self._values = {sensor.name: math.nan for sensor in table.sensors}
        self.registers = table.encode(0, tuple(self._values.values()))

    def take(self, instant: Instant) -> None:
        new = {sensor: value for sensor, value in instant.samples if sensor in self._values}
        if new:
            self._values |= new
            self.registers = self.table.encode(instant.time_us, tuple(self._values.values()))
