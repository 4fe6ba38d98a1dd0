"""The numbers in what the reads of a group brought. No I/O.

Groups are small, so this is plain Python: calling NumPy a dozen times would cost more than decoding.
"""

import math
from collections.abc import Sequence
from operator import itemgetter
from struct import Struct
from typing import NamedTuple

from agent.sources.modbus.read_plan import Block
from agent.sources.modbus.registers import ClockSettings, Entry, NumberType, RegisterSettings
from edge_runtime.quality import Quality, Reason, status

NOT_A_NUMBER = status(Quality.BAD, Reason.NOT_A_NUMBER)
DEVICE_FAULT = status(Quality.BAD, Reason.DEVICE_FAULT)

_FORMAT = {
    NumberType.INT16: "h",
    NumberType.UINT16: "H",
    NumberType.INT32: "i",
    NumberType.UINT32: "I",
    NumberType.INT64: "q",
    NumberType.UINT64: "Q",
    NumberType.FLOAT32: "f",
    NumberType.FLOAT64: "d",
}
_BYTE = "B"
_TIME = Struct(">q")


class Values(NamedTuple):
    """One sample of a group.

    Attributes:
        numbers: in canonical units, NaN where there is no value.
        statuses: quality and reason of each as one byte (see edge_runtime.quality).
    """

    numbers: Sequence[float]
    statuses: Sequence[int]


class Decoder:
    """Takes a group's values out of the answers to its reads.

    Attributes:
        clock_block: the block with the device's clock; None where there is none.
    """

    def __init__(self, registers: Sequence[RegisterSettings], blocks: Sequence[Block]) -> None:
        """`registers` are in the order of the values; those in no block are device faults."""
        self.clock_block: Block | None = None
        self._blocks = tuple(blocks)
        self._count = len(registers)
        self._all_good = (0,) * len(registers)
        places: dict[Entry, tuple[int, _Place]] = {}
        start = 0
        for number, block in enumerate(blocks):
            for entry in block.entries:
                place = _Place.of(entry, block, start)
                places[entry] = number, place
                if isinstance(entry, ClockSettings):
                    self.clock_block = block
                    self._time = [byte - start for byte in place.bytes]
            start += block.size
        found = [(k, register, *places[register]) for k, register in enumerate(registers) if register in places]
        self._columns = [k for k, *_ in found]
        self._block_numbers = [number for _, _, number, _ in found]
        self._gather = _Gather([byte for *_, place in found for byte in place.bytes])
        self._struct = Struct(">" + "".join(_format(register) for _, register, *_ in found))
        self._special = [
            (position, _Meaning(register, place.bit))
            for position, (_, register, _, place) in enumerate(found)
            if _Meaning.needed(register)
        ]
        self._conversions = [(register.factor, register.shift) for _, register, *_ in found]

    def device_time_us(self, answers: Sequence[bytes | None]) -> int | None:
        """The device's time, microseconds since 1970 UTC; None without the answer that has it."""
        if self.clock_block is None:
            return None
        answer = answers[self._blocks.index(self.clock_block)]
        return None if answer is None else int(_TIME.unpack(bytes([answer[byte] for byte in self._time]))[0])

    def values(self, answers: Sequence[bytes | None]) -> Values:
        """Decode the answers, one for each block in its order; None for one that was refused."""
        raw: Sequence[float] = self._struct.unpack(self._gather(self._image(answers)))
        faulty = [number is None for number in answers]
        faults = {k for k, number in enumerate(self._block_numbers) if faulty[number]} if any(faulty) else set()
        if self._special:
            raw = list(raw)
            for position, meaning in self._special:
                if meaning.is_no_value(raw[position]):
                    faults.add(position)
                raw[position] = meaning.number(raw[position])
        numbers = [number * factor + shift for number, (factor, shift) in zip(raw, self._conversions, strict=True)]
        if not faults and len(numbers) == self._count and all(map(math.isfinite, numbers)):
            return Values(numbers, self._all_good)
        return self._with_faults(numbers, faults)

    def _with_faults(self, numbers: Sequence[float], faults: set[int]) -> Values:
        values, statuses = [math.nan] * self._count, [DEVICE_FAULT] * self._count
        for position, (column, number) in enumerate(zip(self._columns, numbers, strict=True)):
            if position not in faults:
                good = math.isfinite(number)
                values[column] = number if good else math.nan
                statuses[column] = 0 if good else NOT_A_NUMBER
        return Values(values, statuses)

    def _image(self, answers: Sequence[bytes | None]) -> bytes:
        """The contents of all blocks in a row; zeros for those that were refused."""
        if len(answers) == 1 and answers[0] is not None:
            return answers[0]
        return b"".join(
            bytes(block.size) if answer is None else answer for block, answer in zip(self._blocks, answers, strict=True)
        )


class _Place(NamedTuple):
    """Where an entry is in the image: its bytes, most significant first, and for a coil the bit in its byte."""

    bytes: Sequence[int]
    bit: int

    @classmethod
    def of(cls, entry: Entry, block: Block, start: int) -> "_Place":
        distance = entry.address - block.address
        if block.kind.holds_bits:
            return cls([start + distance // 8], distance % 8)
        return cls([start + 2 * distance + byte for byte in entry.byte_order.significance(entry.width)], 0)


class _Gather:
    """Brings the bytes of an image into order."""

    def __init__(self, places: Sequence[int]) -> None:
        self._places = tuple(places)
        self._in_order = self._places == tuple(range(len(places)))
        self._pick = itemgetter(*places) if len(places) > 1 else lambda image: [image[place] for place in places]

    def __call__(self, image: bytes) -> bytes:
        if self._in_order:
            return image[: len(self._places)]
        return bytes(self._pick(image))


class _Meaning:
    """What a raw number means beyond scale and offset: bits of it, or that there is no value."""

    def __init__(self, register: RegisterSettings, bit: int) -> None:
        low, high = (bit, bit) if register.kind.holds_bits else register.bits or (0, 0)
        self._has_bits = register.kind.holds_bits or register.bits is not None
        self._shift = low
        self._mask = (1 << (high - low + 1)) - 1
        self._markers = frozenset(_as_held(register, marker) for marker in register.markers)
        self._min = -math.inf if register.raw_min is None else register.raw_min
        self._max = math.inf if register.raw_max is None else register.raw_max

    @staticmethod
    def needed(register: RegisterSettings) -> bool:
        """Whether the register has more than scale and offset."""
        limits = (register.raw_min, register.raw_max)
        return (
            register.kind.holds_bits or register.bits is not None or bool(register.no_value) or limits != (None, None)
        )

    def is_no_value(self, raw: float) -> bool:
        """Whether the device says so that it has no value."""
        return raw in self._markers or self.number(raw) < self._min or self.number(raw) > self._max

    def number(self, raw: float) -> float:
        """The bits that count."""
        return int(raw) >> self._shift & self._mask if self._has_bits else raw


def _format(register: RegisterSettings) -> str:
    return _BYTE if register.kind.holds_bits else _FORMAT[register.type]


def _as_held(register: RegisterSettings, marker: float) -> float:
    """The number nearest to the marker that the registers can hold: a float32 is coarser."""
    if register.type.is_integer:
        return marker
    exact = Struct(_FORMAT[register.type])
    return float(exact.unpack(exact.pack(marker))[0])
