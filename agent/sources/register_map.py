"""Modbus registers as settings, the block reads that fetch them, and the numbers in what comes back. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.machine import Name
from edge_runtime.reading import Float64Array

UInt16Array = npt.NDArray[np.uint16]
Places = npt.NDArray[np.intp]

LONGEST_READ = 125
"""Registers in one read: the limit of function codes 3 and 4 (Modbus Application Protocol 1.1b3, 6.3)."""

WIDEST_GAP = 16
"""Unused registers that are read along rather than starting another request; 16 cost less than a round trip."""


class RegisterKind(StrEnum):
    """Which table of the device: function code 3 or 4."""

    HOLDING = "holding"
    INPUT = "input"


class RegisterType(StrEnum):
    """How the registers hold a number."""

    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"

    @property
    def width(self) -> int:
        """Number of registers."""
        return np.dtype(self.value).itemsize // 2


class WordOrder(StrEnum):
    """Order of the registers of one number; the bytes of a register are always high byte first."""

    BIG = "big"
    LITTLE = "little"


Address = Annotated[
    int, Field(ge=0, le=65535, description="As in the request: 0 is the register that manuals call 40001 or 30001.")
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClockSettings(_Frozen):
    """Where the device keeps the time of the sample: int64 microseconds since 1970 UTC; 0 before the first sample."""

    kind: RegisterKind = RegisterKind.HOLDING
    address: Address
    word_order: Annotated[WordOrder, Field(description="big: the most significant register first.")] = WordOrder.BIG

    @property
    def width(self) -> int:
        """Number of registers."""
        return RegisterType.INT64.width


class RegisterSettings(_Frozen):
    """Where the device keeps one sensor's value. The value is raw · scale + offset, in the sensor's canonical unit."""

    sensor: Annotated[Name, Field(description="Name in the machine file.")]
    kind: RegisterKind = RegisterKind.HOLDING
    address: Address
    type: RegisterType = RegisterType.FLOAT32
    word_order: Annotated[WordOrder, Field(description="big: the most significant register first.")] = WordOrder.BIG
    scale: Annotated[float, Field(allow_inf_nan=False, description="Also converts the device's unit.")] = 1.0
    offset: Annotated[float, Field(allow_inf_nan=False)] = 0.0

    @property
    def width(self) -> int:
        """Number of registers."""
        return self.type.width

    def __str__(self) -> str:
        return f"{self.sensor} at {self.kind} register {self.address}"


Entry = RegisterSettings | ClockSettings


@dataclass(frozen=True, slots=True)
class Block:
    """One read request: `count` registers from `address`, and the entries that are in it, in order of address."""

    kind: RegisterKind
    address: int
    count: int
    entries: tuple[Entry, ...]

    def halves(self) -> tuple["Block", ...]:
        """The two blocks with half of the entries each; nothing when there is only one entry."""
        middle = len(self.entries) // 2
        if middle == 0:
            return ()
        return (_block(self.entries[:middle]), _block(self.entries[middle:]))


def plan_reads(entries: Iterable[Entry], *, widest_gap: int = WIDEST_GAP) -> tuple[Block, ...]:
    """The fewest reads that fetch all entries without splitting one, reading gaps of up to `widest_gap` along."""
    blocks: list[list[Entry]] = []
    end = 0
    for entry in sorted(entries, key=lambda entry: (entry.kind, entry.address)):
        current = blocks[-1] if blocks else None
        entry_end = entry.address + entry.width
        if (
            current is None
            or entry.kind is not current[0].kind
            or entry.address - end > widest_gap
            or max(end, entry_end) - current[0].address > LONGEST_READ
        ):
            blocks.append([entry])
            end = entry_end
        else:
            current.append(entry)
            end = max(end, entry_end)
    return tuple(_block(block) for block in blocks)


def _block(entries: Sequence[Entry]) -> Block:
    first = entries[0]
    end = max(entry.address + entry.width for entry in entries)
    return Block(first.kind, first.address, end - first.address, tuple(entries))


class Decoder:
    """Takes the numbers out of what the blocks of a plan brought.

    Registers come as one uint16 array: those of the first block, then those of the second, and so on.

    Attributes:
        registers: the sensors' entries, in the order of `values()`.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        place: dict[Entry, int] = {}
        start = 0
        for block in blocks:
            place |= {entry: start + entry.address - block.address for entry in block.entries}
            start += block.count
        self.registers = tuple(entry for entry in place if isinstance(entry, RegisterSettings))
        clocks = [entry for entry in place if isinstance(entry, ClockSettings)]
        self._clock = _words(place[clocks[0]], RegisterType.INT64, clocks[0].word_order) if clocks else None
        self._scale = np.array([register.scale for register in self.registers])
        self._offset = np.array([register.offset for register in self.registers])
        self._groups: list[tuple[list[int], Places, str]] = []
        for layout in sorted({(register.type, register.word_order) for register in self.registers}):
            columns = [k for k, register in enumerate(self.registers) if (register.type, register.word_order) == layout]
            words = np.stack([_words(place[self.registers[k]], *layout) for k in columns])
            self._groups.append((columns, words, np.dtype(layout[0].value).newbyteorder(">").str))

    def device_time_us(self, image: UInt16Array) -> int | None:
        """The device's time, microseconds since 1970 UTC; None without a clock register."""
        if self._clock is None:
            return None
        return int(image[self._clock].astype(">u2").view(">i8")[0])

    def values(self, image: UInt16Array) -> Float64Array:
        """float64 [n]: the sensors' values in canonical units; NaN where the registers hold no finite number."""
        values: Float64Array = np.empty(len(self.registers))
        with np.errstate(all="ignore"):
            for columns, words, number_type in self._groups:
                values[columns] = image[words].astype(">u2").view(number_type)[:, 0]
            values *= self._scale
            values += self._offset
        values[~np.isfinite(values)] = np.nan
        return values


def _words(place: int, number: RegisterType, order: WordOrder) -> Places:
    """Where in the image the registers of a number are, the most significant first."""
    words = np.arange(place, place + number.width)
    return words if order is WordOrder.BIG else words[::-1]
