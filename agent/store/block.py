"""Codec of a block: the readings of one append, or of many merged, as compressed, checksummed, self-describing bytes.

A block holds its readings by sensor, and by arrival within a sensor. Inside the zstd frame, whose checksum is the
record's own (see payload.py), little-endian:

    magic, layout     3 bytes: b"HB", 1 or 2
    sensors           uint16, followed for each by its count (uint32), length of its name (uint16) and name (UTF-8)

Layout 1 costs next to nothing to make. It is for blocks with few readings of each sensor:

    source times      int64 × n: the first, then differences, byte plane by byte plane
    arrival offsets   int64 × n: received minus source time; the first, then differences, byte plane by byte plane
    values            float64 × n
    statuses          uint8 × n

Layout 2 is small: for each sensor in turn source times, arrival offsets, values and statuses, each column stored in the
way that suits it (see columns.py).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Self

import numpy as np

from agent.store.columns import ColumnReader, write_integers, write_statuses, write_values
from agent.store.payload import pack, unpack
from edge_runtime.errors import StoreDamagedError
from edge_runtime.quality import UInt8Array, statuses_of
from edge_runtime.reading import Float64Array, Int64Array, Reading

_MAGIC = b"HB"
_QUICK = 1
_SMALL = 2
READINGS_A_SENSOR = 64
"""With so many readings of each sensor on average, columns of their own are worth their making."""
_MAX_READINGS = 2**24
"""More than any block has: a damaged count must not make for an array of its size."""
_SENSORS = struct.Struct("<2sBH")
_SENSOR = struct.Struct("<IH")


@dataclass(frozen=True, slots=True)
class Block:
    """Readings in columns, grouped by sensor.

    Attributes:
        sensors: their names, each once.
        counts: int64 [sensors], number of readings of each.
        times_us: int64 [n], source times.
        received_us: int64 [n].
        values: float64 [n].
        statuses: uint8 [n], quality and reason (see edge_runtime.quality).
    """

    sensors: tuple[str, ...]
    counts: Int64Array
    times_us: Int64Array
    received_us: Int64Array
    values: Float64Array
    statuses: UInt8Array

    @classmethod
    def of(cls, readings: Sequence[Reading]) -> Self:
        """Group readings by sensor, keeping the order of arrival within each. Here objects become arrays."""
        count = len(readings)
        names = list(map(attrgetter("sensor"), readings))
        sensors = tuple(dict.fromkeys(names))
        places = {name: place for place, name in enumerate(sensors)}
        sensor = np.fromiter(map(places.__getitem__, names), np.int64, count)
        order = np.argsort(sensor, kind="stable")
        statuses = statuses_of(
            np.frombuffer(bytes(map(attrgetter("quality"), readings)), np.uint8),
            np.frombuffer(bytes(map(attrgetter("reason"), readings)), np.uint8),
        )
        return cls(
            sensors,
            np.bincount(sensor, minlength=len(sensors)).astype(np.int64),
            np.fromiter(map(attrgetter("source_time_us"), readings), np.int64, count)[order],
            np.fromiter(map(attrgetter("received_time_us"), readings), np.int64, count)[order],
            np.fromiter(map(attrgetter("value"), readings), np.float64, count)[order],
            statuses[order],
        )

    @classmethod
    def merged(cls, blocks: Sequence["Block"]) -> Self:
        """One block of several that follow each other; arrival order within each sensor is kept."""
        positions: dict[str, int] = {}
        sensor = np.concatenate(
            [
                np.repeat([positions.setdefault(name, len(positions)) for name in block.sensors], block.counts)
                for block in blocks
            ]
        )
        order = np.argsort(sensor, kind="stable")
        return cls(
            tuple(positions),
            np.bincount(sensor, minlength=len(positions)).astype(np.int64),
            np.concatenate([block.times_us for block in blocks])[order],
            np.concatenate([block.received_us for block in blocks])[order],
            np.concatenate([block.values for block in blocks])[order],
            np.concatenate([block.statuses for block in blocks])[order],
        )

    def by_sensor(self) -> Iterator[tuple[str, slice]]:
        """Each sensor with its part of the columns."""
        start = 0
        for sensor, count in zip(self.sensors, self.counts.tolist(), strict=True):
            yield sensor, slice(start, start + count)
            start += count

    def __len__(self) -> int:
        return len(self.times_us)


def encode_block(block: Block) -> bytes:
    """Serialise and compress."""
    layout = _SMALL if len(block) >= READINGS_A_SENSOR * len(block.sensors) else _QUICK
    header = [_SENSORS.pack(_MAGIC, layout, len(block.sensors))]
    for sensor, count in zip(block.sensors, block.counts.tolist(), strict=True):
        name = sensor.encode()
        header += (_SENSOR.pack(count, len(name)), name)
    columns = _small_columns(block) if layout == _SMALL else _quick_columns(block)
    return pack(b"".join((*header, *columns)))


def decode_block(payload: object) -> Block:
    """Give back what was encoded.

    Raises:
        StoreDamagedError: the bytes are damaged.
    """
    data = unpack(payload)
    try:
        layout, sensors, counts, offset = _read_header(data)
    except (struct.error, UnicodeDecodeError) as error:
        raise StoreDamagedError(f"damaged block: {error}") from error
    read = _read_small if layout == _SMALL else _read_quick
    return read(data, offset, sensors, counts)


# int64 arithmetic wraps around, in encoding and decoding: any two times give back exactly what went in.


def _quick_columns(block: Block) -> Iterator[bytes]:
    yield _differences(block.times_us)
    yield _differences(block.received_us - block.times_us)
    yield block.values.astype("<f8", copy=False).tobytes()
    yield block.statuses.tobytes()


def _read_quick(data: bytes, offset: int, sensors: tuple[str, ...], counts: Int64Array) -> Block:
    count = int(counts.sum())
    if len(data) != offset + 25 * count:
        raise StoreDamagedError(f"damaged block: {len(data)} bytes for {count} readings")
    times_us = _running_sum(data, offset, count)
    return Block(
        sensors,
        counts,
        times_us,
        times_us + _running_sum(data, offset + 8 * count, count),
        np.frombuffer(data, "<f8", count, offset + 16 * count).astype(np.float64, copy=False),
        np.frombuffer(data, np.uint8, count, offset + 24 * count),
    )


def _small_columns(block: Block) -> Iterator[bytes]:
    for _, rows in block.by_sensor():
        yield write_integers(block.times_us[rows])
        yield write_integers(block.received_us[rows] - block.times_us[rows])
        yield write_values(block.values[rows])
        yield write_statuses(block.statuses[rows])


def _read_small(data: bytes, offset: int, sensors: tuple[str, ...], counts: Int64Array) -> Block:
    count = int(counts.sum())
    if count > _MAX_READINGS:
        raise StoreDamagedError(f"damaged block: {count} readings")
    times_us, received_us = np.empty(count, np.int64), np.empty(count, np.int64)
    block = Block(sensors, counts, times_us, received_us, np.empty(count, np.float64), np.empty(count, np.uint8))
    reader = ColumnReader(data, offset)
    for _, rows in block.by_sensor():
        length = rows.stop - rows.start
        times_us[rows] = reader.integers(length)
        np.add(times_us[rows], reader.integers(length), out=received_us[rows])
        block.values[rows] = reader.values(length)
        block.statuses[rows] = reader.statuses(length)
    if reader.offset != len(data):
        raise StoreDamagedError(f"damaged block: {len(data)} bytes, {reader.offset} expected")
    return block


def _read_header(data: bytes) -> tuple[int, tuple[str, ...], Int64Array, int]:
    """Layout, names, counts and the offset at which the columns begin."""
    magic, layout, sensors = _SENSORS.unpack_from(data)
    if magic != _MAGIC or layout not in {_QUICK, _SMALL}:
        raise StoreDamagedError("damaged block: it doesn't begin as a block that this version knows does")
    offset = _SENSORS.size
    names: list[str] = []
    counts: list[int] = []
    for _ in range(sensors):
        count, length = _SENSOR.unpack_from(data, offset)
        offset += _SENSOR.size
        names.append(data[offset : offset + length].decode())
        counts.append(count)
        offset += length
    return layout, tuple(names), np.array(counts, np.int64), offset


def _differences(values: Int64Array) -> bytes:
    """First value and differences, as eight planes of bytes."""
    differences = values.astype("<i8")
    differences[1:] -= values[:-1]
    return differences.view(np.uint8).reshape(-1, 8).T.tobytes()


def _running_sum(data: bytes, offset: int, count: int) -> Int64Array:
    """What `_differences` was given."""
    planes = np.frombuffer(data, np.uint8, 8 * count, offset).reshape(8, count)
    return np.cumsum(np.ascontiguousarray(planes.T).reshape(-1).view("<i8"), dtype=np.int64)
