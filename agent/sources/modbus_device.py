"""A connection to a Modbus TCP device."""

import logging
from collections.abc import Sequence

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.constants import ExcCodes
from pymodbus.exceptions import ModbusException

from agent.sources.modbus_settings import ModbusSettings
from agent.sources.register_map import Block, RegisterKind
from edge_runtime.errors import SourceError

# What pymodbus logs comes back as an exception too, and is reported once.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class UnreachableError(SourceError):
    """The device can't be connected to, went away or doesn't answer."""


class IllegalAddressError(SourceError):
    """The device doesn't have all registers of a block."""


class ModbusDevice:
    """A connection to the device; faults come out as `SourceError`."""

    def __init__(self, settings: ModbusSettings) -> None:
        self._settings = settings
        self._client = AsyncModbusTcpClient(
            settings.host, port=settings.port, timeout=settings.timeout_s, retries=0, reconnect_delay=0
        )

    def __str__(self) -> str:
        return f"{self._settings.name} ({self._settings.host}:{self._settings.port})"

    async def connect(self) -> None:
        """Connect.

        Raises:
            UnreachableError: it can't be.
        """
        if not await self._client.connect():
            raise UnreachableError(
                f"{self}: no connection",
                hint="Check that the device is on and host and port are right; some devices take one connection only.",
            )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    async def read(self, block: Block) -> Sequence[int]:
        """The registers of a block, 0–65535 each.

        Raises:
            UnreachableError: no answer.
            IllegalAddressError: the device doesn't have all of them.
            SourceError: it refuses for another reason.
        """
        request = (
            self._client.read_holding_registers
            if block.kind is RegisterKind.HOLDING
            else self._client.read_input_registers
        )
        where = f"{block.kind} registers {block.address} to {block.address + block.count - 1}"
        try:
            response = await request(block.address, count=block.count, device_id=self._settings.unit)
        except ModbusException as error:
            raise UnreachableError(
                f"{self}: no answer to a read of {where} within {self._settings.timeout_s:g} s",
                hint="Check the device and the network; a slow device needs a longer timeout_s.",
            ) from error
        if response.isError():
            if response.exception_code == ExcCodes.ILLEGAL_ADDRESS:
                raise IllegalAddressError(f"{self}: doesn't have all of {where}")
            raise SourceError(
                f"{self}: refuses a read of {where}: exception {_exception_name(response.exception_code)}",
                hint=f"Check that unit {self._settings.unit} is right, and this exception in the device's manual.",
            )
        if len(response.registers) != block.count:
            raise SourceError(f"{self}: answered {len(response.registers)} instead of {block.count} {where}")
        return response.registers


def _exception_name(code: int) -> str:
    try:
        return f"{code} ({ExcCodes(code).name.replace('_', ' ').lower()})"
    except ValueError:
        return str(code)
