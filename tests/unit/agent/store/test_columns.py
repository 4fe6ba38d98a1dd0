import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agent.store.columns import ColumnReader, write_integers, write_statuses, write_values
from edge_runtime.errors import StoreDamagedError

lengths = st.integers(0, 80)
EXTREMES = [-(2**63), 2**63 - 1, -1, 0, 1]
integers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from(EXTREMES))
decimals = st.builds(lambda whole, power: whole / 10.0**power, st.integers(-(10**12), 10**12), st.integers(0, 9))
special = st.sampled_from(
    [0x7FF0 << 48, 0xFFF0 << 48, 0x7FF8 << 48, 0x7FF0 << 48 | 1, 0xFFF8 << 48 | 0xBEEF, 1, 1 << 63, 1 << 63 | 1]
).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
"""Infinities, NaN with various payloads, subnormals, -0.0."""


def same_bits(one, other):
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


def read_back(values, write, read):
    """Through bytes and back; nothing may be left over."""
    data = write(values)
    reader = ColumnReader(b"before" + data, len(b"before"))
    given_back = getattr(reader, read)(len(values))
    assert reader.offset == len(b"before") + len(data)
    return given_back


@given(arrays(np.int64, lengths, elements=integers))
def test_integers_come_back(values):
    assert same_bits(read_back(values, write_integers, "integers"), values)


@given(integers, integers, lengths)
def test_a_line_of_any_slope_comes_back_from_a_few_bytes(first, step, length):
    with np.errstate(over="ignore"):
        values = np.int64(first) + np.int64(step) * np.arange(length, dtype=np.int64)
    assert len(write_integers(values)) == 17
    assert same_bits(read_back(values, write_integers, "integers"), values)


@given(arrays(np.uint64, lengths, elements=st.integers(0, 2**64 - 1)))
def test_values_of_any_bit_pattern_come_back(bits):
    values = bits.view(np.float64)
    assert same_bits(read_back(values, write_values, "values"), values)


@given(st.lists(st.one_of(decimals, st.floats(width=32), special), max_size=80), st.integers(1, 20))
def test_values_that_suit_one_way_but_for_a_few_come_back(values, times):
    column = np.array(values * times, np.float64)
    assert same_bits(read_back(column, write_values, "values"), column)


@given(arrays(np.uint8, lengths, elements=st.integers(0, 255)))
def test_statuses_come_back(values):
    assert same_bits(read_back(values, write_statuses, "statuses"), values)


NOISE = np.random.default_rng(1).standard_normal(1000)


@pytest.mark.parametrize(
    ("values", "bytes_a_value"),
    [
        (np.round(NOISE, 1) + 0.0, 1),
        (np.round(150 + NOISE, 3), 2),
        (NOISE.astype(np.float32).astype(np.float64), 4),
        (NOISE, 8),
    ],
    ids=["levels", "decimal", "float32", "raw"],
)
def test_each_kind_of_value_takes_no_more_than_it_needs(values, bytes_a_value):
    assert len(write_values(values)) <= bytes_a_value * len(values) + 1000


@given(arrays(np.float64, st.integers(1, 80), elements=decimals), st.data())
def test_bytes_cut_short_are_noticed(values, data):
    column = write_values(values)
    kept = data.draw(st.integers(0, len(column) - 1))
    with pytest.raises(StoreDamagedError):
        ColumnReader(column[:kept], 0).values(len(values))


@pytest.mark.parametrize(
    "column",
    [b"\x07", b"\x01\x02\x03" + bytes(8), b"\x03\x01\x00\x00\x00\x00" + bytes(8) + b"\x00" + b"\x05" * 16],
    ids=["unknown way", "unknown width", "a level that isn't there"],
)
def test_bytes_that_are_no_column_are_refused(column):
    with pytest.raises(StoreDamagedError):
        ColumnReader(column, 0).values(1)
