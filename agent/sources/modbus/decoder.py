"""The numbers in what the reads of a group brought. No I/O."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.sources.modbus.read_plan import Block
from agent.sources.modbus.registers import ByteOrder, ClockSettings, Entry, NumberType, RegisterLayout, RegisterSettings
from edge_runtime.quality import Quality, Reason, UInt8Array, status
from edge_runtime.reading import Float64Array

NOT_A_NUMBER = status(Quality.BAD, Reason.NOT_A_NUMBER)
DEVICE_FAULT = status(Quality.BAD, Reason.DEVICE_FAULT)

Places = npt.NDArray[np.intp]


class Values(NamedTuple):
    """One sample of a group.

    Attributes:
        numbers: float64 [n], canonical units, NaN where there is no value.
        statuses: uint8 [n], quality and reason of each (see edge_runtime.quality).
    """

    numbers: Float64Array
    statuses: UInt8Array


class Decoder:
    """Takes a group's values out of the answers to its reads.

    Attributes:
        clock_block: the block with the device's clock; None where there is none.
    """

    def __init__(self, registers: Sequence[RegisterSettings], blocks: Sequence[Block]) -> None:
        """`registers` are in the order of the values; those in no block are device faults."""
        place: dict[Entry, tuple[int, int]] = {}
        start = 0
        for block in blocks:
            place |= {entry: _place(block, entry, start) for entry in block.entries}
            start += block.size
        column = {register: k for k, register in enumerate(registers)}
        self._columns = [
            [column[entry] for entry in block.entries if isinstance(entry, RegisterSettings)] for block in blocks
        ]
        self._first_statuses = np.array([0 if register in place else DEVICE_FAULT for register in registers], np.uint8)
        self.clock_block: Block | None = None
        for block in blocks:
            for entry in block.entries:
                if isinstance(entry, ClockSettings):
                    self.clock_block = block
                    self._clock = _bytes(_place(block, entry, 0)[0], NumberType.INT64, entry.byte_order)
        self._blocks = tuple(blocks)
        layouts: dict[tuple[str, bool], list[RegisterSettings]] = defaultdict(list)
        for register in registers:
            if register in place:
                layouts[_number_type(register), register.bits is not None].append(register)
        self._parts = [_Part(members, column, place) for members in layouts.values()]
        self._factor = np.array([register.factor for register in registers])
        self._shift = np.array([register.shift for register in registers])

    def device_time_us(self, answers: Sequence[bytes | None]) -> int | None:
        """The device's time, microseconds since 1970 UTC; None without the answer that has it."""
        if self.clock_block is None:
            return None
        answer = answers[self._blocks.index(self.clock_block)]
        return None if answer is None else int(np.frombuffer(answer, np.uint8)[self._clock].view(">i8")[0])

    def values(self, answers: Sequence[bytes | None]) -> Values:
        """Decode the answers, one for each block in its order; None for one that was refused."""
        image = np.frombuffer(self._image(answers), np.uint8)
        numbers: Float64Array = np.full(len(self._first_statuses), np.nan)
        statuses = self._first_statuses.copy()
        for part in self._parts:
            part.decode(image, numbers, statuses)
        with np.errstate(all="ignore"):
            numbers *= self._factor
            numbers += self._shift
        finite = np.isfinite(numbers)
        if not finite.all():
            statuses[~finite & (statuses == 0)] = NOT_A_NUMBER
        for columns, answer in zip(self._columns, answers, strict=True):
            if answer is None:
                statuses[columns] = DEVICE_FAULT
        numbers[statuses != 0] = np.nan
        return Values(numbers, statuses)

    def _image(self, answers: Sequence[bytes | None]) -> bytes:
        if len(answers) == 1 and answers[0] is not None:
            return answers[0]
        return b"".join(
            bytes(block.size) if answer is None else answer for block, answer in zip(self._blocks, answers, strict=True)
        )


class _Part:
    """The registers of one number type, decoded together."""

    def __init__(
        self,
        registers: Sequence[RegisterSettings],
        column: Mapping[RegisterSettings, int],
        place: Mapping[Entry, tuple[int, int]],
    ) -> None:
        first = registers[0]
        self._columns = np.array([column[register] for register in registers], np.intp)
        self._dtype = np.dtype(_number_type(first)).newbyteorder(">")
        self._shifts: npt.NDArray[np.uint64] | None = None
        if first.kind.holds_bits:
            self._places: Places = np.array([[place[register][0]] for register in registers], np.intp)
            self._shifts = np.array([place[register][1] for register in registers], np.uint64)
            self._masks = np.ones(len(registers), np.uint64)
        else:
            self._places = np.stack([_bytes(place[item][0], item.type, item.byte_order) for item in registers])
            ranges = [register.bits for register in registers if register.bits is not None]
            if ranges:
                self._shifts = np.array([low for low, _ in ranges], np.uint64)
                self._masks = np.array([(1 << (high - low + 1)) - 1 for low, high in ranges], np.uint64)
        self._markers = [
            (k, np.array(item.markers, self._dtype.newbyteorder("=")))
            for k, item in enumerate(registers)
            if item.markers
        ]
        self._limits = None
        if any(register.raw_min is not None or register.raw_max is not None for register in registers):
            self._limits = (
                np.array([-np.inf if item.raw_min is None else item.raw_min for item in registers]),
                np.array([np.inf if item.raw_max is None else item.raw_max for item in registers]),
            )

    def decode(self, image: UInt8Array, numbers: Float64Array, statuses: UInt8Array) -> None:
        """Put the numbers and what is wrong with them into their columns."""
        raw = image[self._places].view(self._dtype)[:, 0]
        found = (raw if self._shifts is None else raw.astype(np.uint64) >> self._shifts & self._masks).astype(
            np.float64
        )
        numbers[self._columns] = found
        if self._limits is not None:
            low, high = self._limits
            statuses[self._columns[(found < low) | (found > high)]] = DEVICE_FAULT
        for k, markers in self._markers:
            if raw[k] in markers:
                statuses[self._columns[k]] = DEVICE_FAULT


def _number_type(register: RegisterLayout) -> str:
    return "uint8" if register.kind.holds_bits else register.type.value


def _place(block: Block, entry: Entry, start: int) -> tuple[int, int]:
    """First byte of an entry in the image, and its bit there (least significant first, as coils are packed)."""
    distance = entry.address - block.address
    return (start + distance // 8, distance % 8) if block.kind.holds_bits else (start + 2 * distance, 0)


def _bytes(start: int, number: NumberType, order: ByteOrder) -> Places:
    """Where in the image the bytes of a number are, the most significant first."""
    return start + np.array(order.significance(number.width), np.intp)
