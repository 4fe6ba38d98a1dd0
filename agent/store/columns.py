"""Columns of one sensor as bytes: each says how it is stored, in the smallest of a few ways that gives it back exactly.

Integers, such as times (little-endian throughout):

    0             a line: first value and step. A regular clock costs 17 bytes however long it runs
    1, 2, 4, 8    first value, then the differences in so many bytes each, their signs folded into the lowest bit
                  (https://protobuf.dev/programming-guides/encoding/#signed-ints), byte plane by byte plane: the
                  planes that hardly change compress to nothing

Values (float64), in the first of these ways that holds:

    levels        few different ones, as from a converter of few steps: those, and for each value the number of its own
    decimal       whole numbers divided by a power of ten
    float32       single precision, by their bits
    raw           anything else

What a way would give back is compared bit by bit before it is chosen: NaN, infinities and −0.0 come back as they were.
"""

import struct
from enum import IntEnum

import numpy as np

from edge_runtime.errors import StoreDamagedError
from edge_runtime.quality import UInt8Array
from edge_runtime.reading import Float64Array, Int64Array

_LINE = 0
_WIDTHS = (1, 2, 4, 8)
_INTEGERS = struct.Struct("<Bq")
_STEP = struct.Struct("<q")
_CODE = struct.Struct("<B")
_NUMBER = struct.Struct("<I")
_VALUES_A_LEVEL = 8
"""Levels are worth it when each stands for so many values on average."""
_SAMPLE = 32
_MAX_DECIMALS = 9
_MAX_WHOLE = 2.0**53
"""Up to here every whole number is a float64."""


class _Way(IntEnum):
    RAW = 0
    DECIMAL = 1
    FLOAT32 = 2
    LEVELS = 3


def write_integers(values: Int64Array) -> bytes:
    """Any int64 [n]; differences wrap around, here and in reading."""
    first = int(values[0]) if len(values) else 0
    differences = np.diff(values)
    if not len(differences) or bool((differences == differences[0]).all()):
        step = int(differences[0]) if len(differences) else 0
        return _INTEGERS.pack(_LINE, first) + _STEP.pack(step)
    folded = (differences << 1 ^ differences >> 63).view(np.uint64)
    largest = int(folded.max())
    width = next(width for width in _WIDTHS if largest < 1 << 8 * width)
    planes = folded.astype(f"<u{width}").view(np.uint8).reshape(-1, width).T
    return _INTEGERS.pack(width, first) + planes.tobytes()


def write_values(values: Float64Array) -> bytes:
    """Any float64 [n], to the bit."""
    levels, numbers = np.unique(values.view(np.int64), return_inverse=True)
    if 0 < len(levels) * _VALUES_A_LEVEL <= len(values):
        head = _CODE.pack(_Way.LEVELS) + _NUMBER.pack(len(levels))
        return head + _write_exactly(levels.view(np.float64)) + write_integers(numbers.astype(np.int64))
    return _write_exactly(values)


def write_statuses(statuses: UInt8Array) -> bytes:
    """Any uint8 [n]."""
    same = len(statuses) > 0 and bool((statuses == statuses[0]).all())
    return _CODE.pack(same) + (statuses[:1] if same else statuses).tobytes()


class ColumnReader:
    """Reads columns back, one after the other; raises StoreDamagedError when the bytes aren't what was written.

    Attributes:
        offset: where the next column begins.
    """

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self.offset = offset

    def integers(self, count: int) -> Int64Array:
        """What `write_integers` was given."""
        width, first = self._unpack(_INTEGERS)
        if width == _LINE:
            (step,) = self._unpack(_STEP)
            return np.int64(first) + np.int64(step) * np.arange(count, dtype=np.int64)
        if width not in _WIDTHS or not count:
            raise StoreDamagedError(f"damaged block: {count} integers in {width} bytes each")
        planes = self._bytes(width * (count - 1)).reshape(width, count - 1)
        folded = np.ascontiguousarray(planes.T).reshape(-1).view(f"<u{width}").astype(np.int64)
        values = np.empty(count, np.int64)
        values[0] = first
        values[1:] = (folded >> 1 & np.int64(2**63 - 1)) ^ -(folded & 1)
        return np.cumsum(values, out=values)

    def values(self, count: int) -> Float64Array:
        """What `write_values` was given."""
        (way,) = self._unpack(_CODE)
        match way:
            case _Way.RAW:
                return self._bytes(8 * count).view("<f8").astype(np.float64, copy=False)
            case _Way.DECIMAL:
                (decimals,) = self._unpack(_CODE)
                return self.integers(count) / 10.0**decimals
            case _Way.FLOAT32:
                return self.integers(count).astype(np.int32).view(np.float32).astype(np.float64)
            case _Way.LEVELS:
                (number,) = self._unpack(_NUMBER)
                levels = self.values(number)
                numbers = self.integers(count)
                if numbers.min() < 0 or numbers.max() >= number:
                    raise StoreDamagedError(f"damaged block: a level beyond {number}")
                return levels[numbers]
        raise StoreDamagedError(f"damaged block: no way {way} to store values")

    def statuses(self, count: int) -> UInt8Array:
        """What `write_statuses` was given."""
        (same,) = self._unpack(_CODE)
        return np.repeat(self._bytes(1), count) if same else self._bytes(count)

    def _unpack(self, form: struct.Struct) -> tuple[int, ...]:
        return form.unpack_from(self._data, self._pass(form.size))

    def _bytes(self, count: int) -> UInt8Array:
        return np.frombuffer(self._data, np.uint8, count, self._pass(count))

    def _pass(self, count: int) -> int:
        """Go on by so many bytes; gives where they begin."""
        start, self.offset = self.offset, self.offset + count
        if self.offset > len(self._data):
            raise StoreDamagedError(f"damaged block: {len(self._data)} bytes, {self.offset} expected")
        return start


def _write_exactly(values: Float64Array) -> bytes:
    """By the first way other than levels that gives back every bit."""
    bits = values.view(np.int64)
    with np.errstate(over="ignore", invalid="ignore"):
        for decimals in range(_MAX_DECIMALS + 1):
            if _is_decimal(values[:_SAMPLE], decimals) and _is_decimal(values, decimals):
                whole = np.rint(values * 10.0**decimals).astype(np.int64)
                return _CODE.pack(_Way.DECIMAL) + _CODE.pack(decimals) + write_integers(whole)
        single = values.astype(np.float32)
        if np.array_equal(single.astype(np.float64).view(np.int64), bits):
            # Differences of 32 bits wrap around in 32 bits, so that none takes more than four bytes.
            walk = np.cumsum(np.diff(single.view(np.int32), prepend=np.int32(0)), dtype=np.int64)
            return _CODE.pack(_Way.FLOAT32) + write_integers(walk)
    return _CODE.pack(_Way.RAW) + values.astype("<f8", copy=False).tobytes()


def _is_decimal(values: Float64Array, decimals: int) -> bool:
    """Whether each is a whole number divided by this power of ten, to the bit."""
    whole = np.rint(values * 10.0**decimals)
    return bool((np.abs(whole) < _MAX_WHOLE).all()) and np.array_equal(
        (whole.astype(np.int64) / 10.0**decimals).view(np.int64), values.view(np.int64)
    )
