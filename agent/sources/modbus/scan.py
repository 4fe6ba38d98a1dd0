"""What answers on a Modbus connection, found out by asking gently."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from agent.sources.modbus.connection import ExceptionAnswerError, ModbusConnection, UnreachableError
from agent.sources.modbus.read_plan import MAX_REGISTERS, Block
from agent.sources.modbus.registers import RegisterKind
from agent.sources.modbus.settings import ConnectionSettings

SMALL = 8
"""Addresses in a block that is no longer halved: where nothing exists, halving takes twice as many requests."""

Progress = Callable[[int], None]
"""Gets how many units or addresses have been decided since the last call."""


@dataclass(frozen=True, slots=True)
class AddressRange:
    """Addresses that exist, from `first` to `last`."""

    first: int
    last: int


class Prober:
    """Reads whatever it is asked to, and connects anew where the connection has become of no use."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._connection: ModbusConnection | None = None

    async def read(self, unit_id: int, block: Block) -> bytes:
        """One read.

        Raises:
            UnreachableError: no connection, no answer, or nonsense.
            ExceptionAnswerError: the device refuses.
        """
        connection = self._connection or await self.connect()
        try:
            return await connection.read(unit_id, block)
        except UnreachableError:
            self.close()
            raise

    async def connect(self) -> ModbusConnection:
        """Connect, which otherwise the next read does.

        Raises:
            UnreachableError: there is no connection.
        """
        connection = ModbusConnection(self._settings)
        try:
            await connection.connect()
        except UnreachableError:
            connection.close()
            raise
        self._connection = connection
        return connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


async def find_units(
    prober: Prober, units: Iterable[int], kind: RegisterKind, address: int, progress: Progress
) -> AsyncIterator[int]:
    """The units that answer, if only with an exception; one request each."""
    for unit_id in units:
        try:
            await prober.read(unit_id, Block(kind, address, 1, ()))
        except ExceptionAnswerError as error:
            if not error.from_gateway:
                yield unit_id
        except UnreachableError:
            pass
        else:
            yield unit_id
        progress(1)


async def find_ranges(
    prober: Prober, unit_id: int, kind: RegisterKind, first: int, last: int, progress: Progress
) -> list[AddressRange]:
    """Which addresses from `first` to `last` exist: a block that is refused is halved, and a small one read singly.

    Raises:
        UnreachableError: the unit answers no more.
        ExceptionAnswerError: it refuses for another reason than the addresses.
    """
    found: list[AddressRange] = []
    untried = [
        Block(kind, start, min(MAX_REGISTERS, last + 1 - start), ())
        for start in reversed(range(first, last + 1, MAX_REGISTERS))
    ]
    while untried:
        block = untried.pop()
        try:
            await prober.read(unit_id, block)
        except ExceptionAnswerError as error:
            if not error.about_range:
                raise
            if block.count > 1:
                step = 1 if block.count <= SMALL else (block.count + 1) // 2
                untried += [
                    Block(kind, start, min(step, block.address + block.count - start), ())
                    for start in reversed(range(block.address, block.address + block.count, step))
                ]
                continue
        else:
            start = found.pop().first if found and found[-1].last == block.address - 1 else block.address
            found.append(AddressRange(start, block.address + block.count - 1))
        progress(block.count)
    return found
