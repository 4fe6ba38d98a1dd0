import math
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sources.register_map import (
    LONGEST_READ,
    WIDEST_GAP,
    ClockSettings,
    Decoder,
    RegisterKind,
    RegisterSettings,
    RegisterType,
    WordOrder,
    plan_reads,
)

FORMATS = {
    RegisterType.INT16: "h",
    RegisterType.UINT16: "H",
    RegisterType.INT32: "i",
    RegisterType.UINT32: "I",
    RegisterType.INT64: "q",
    RegisterType.UINT64: "Q",
    RegisterType.FLOAT32: "f",
    RegisterType.FLOAT64: "d",
}


def register(sensor="S", address=0, **changes):
    return RegisterSettings(sensor=sensor, address=address, **changes)


def image_of(*words):
    return np.array(words, np.uint16)


def words_of(number_format, *numbers):
    content = struct.pack(f">{number_format}", *numbers)
    return struct.unpack(f">{len(content) // 2}H", content)


@st.composite
def register_maps(draw):
    places = draw(st.lists(st.tuples(st.sampled_from(RegisterKind), st.integers(0, 600)), min_size=1, max_size=40))
    return [
        register(f"S{k}", address, kind=kind, type=draw(st.sampled_from(RegisterType)))
        for k, (kind, address) in enumerate(places)
    ]


@given(register_maps())
def test_every_register_is_in_exactly_one_read_whole(registers):
    blocks = plan_reads(registers)
    planned = [entry for block in blocks for entry in block.entries]
    assert sorted(planned, key=str) == sorted(registers, key=str)
    for block in blocks:
        assert block.count <= LONGEST_READ
        for entry in block.entries:
            assert entry.kind is block.kind
            assert block.address <= entry.address
            assert entry.address + entry.width <= block.address + block.count


@given(register_maps())
def test_neighbouring_reads_could_not_have_been_one(registers):
    blocks = plan_reads(registers)
    for one, next_one in pairwise(blocks):
        if one.kind is next_one.kind:
            first = next_one.entries[0]
            gap = first.address - (one.address + one.count)
            together = max(one.address + one.count, first.address + first.width) - one.address
            assert gap > WIDEST_GAP or together > LONGEST_READ


@given(register_maps())
def test_halving_a_read_ends_at_single_registers_and_loses_none(registers):
    blocks, singles = list(plan_reads(registers)), []
    while blocks:
        block = blocks.pop()
        halves = block.halves()
        assert bool(halves) == (len(block.entries) > 1)
        blocks.extend(halves)
        singles.extend(() if halves else block.entries)
    assert sorted(singles, key=str) == sorted(registers, key=str)


@given(st.sampled_from(RegisterType), st.sampled_from(WordOrder), st.data())
def test_every_type_and_word_order_is_decoded(number_type, order, data):
    width = number_type.width * 16
    if number_type in {RegisterType.FLOAT32, RegisterType.FLOAT64}:
        number = data.draw(st.floats(width=width, allow_nan=False, allow_infinity=False))
    elif number_type.startswith("u"):
        number = data.draw(st.integers(0, 2**width - 1))
    else:
        number = data.draw(st.integers(-(2 ** (width - 1)), 2 ** (width - 1) - 1))
    words = words_of(FORMATS[number_type], number)
    content = words if order is WordOrder.BIG else words[::-1]
    decoder = Decoder(plan_reads([register(type=number_type, word_order=order)]))
    assert decoder.values(image_of(*content)).tolist() == [float(number)]


@given(st.binary(min_size=16, max_size=16))
def test_any_bits_become_a_finite_number_or_nan_without_a_warning(content):
    registers = [register("A", 0), register("B", 2), register("C", 4, type="float64", scale=1e300)]
    image = np.frombuffer(content, ">u2").astype(np.uint16)
    values = Decoder(plan_reads(registers)).values(image)
    assert not np.isinf(values).any()


def test_an_image_of_several_reads_is_taken_apart():
    registers = [
        register("P", 100),
        register("T", 7, kind="input", type="int16", scale=0.01, offset=-5),
        register("Q", 0),
    ]
    blocks = plan_reads(registers)
    assert [(block.kind, block.address, block.count) for block in blocks] == [
        ("holding", 0, 2),
        ("holding", 100, 2),
        ("input", 7, 1),
    ]
    decoder = Decoder(blocks)
    image = image_of(*words_of("f", 1.5), *words_of("f", 2.5), *words_of("h", -1234))
    values = dict(zip([entry.sensor for entry in decoder.registers], decoder.values(image), strict=True))
    assert values == {"Q": 1.5, "P": 2.5, "T": pytest.approx(-17.34)}
    assert decoder.device_time_us(image) is None


def test_the_clock_is_taken_out_in_either_word_order():
    words = words_of("q", 1_420_070_400_123_456)
    for order in WordOrder:
        blocks = plan_reads([ClockSettings(address=10, word_order=order), register(address=14)])
        content = words if order is WordOrder.BIG else words[::-1]
        image = image_of(*content, *words_of("f", 3.0))
        assert Decoder(blocks).device_time_us(image) == 1_420_070_400_123_456
        assert Decoder(blocks).values(image).tolist() == [3.0]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_float_register_without_a_number_is_nan(number):
    decoder = Decoder(plan_reads([register()]))
    assert math.isnan(decoder.values(image_of(*words_of("f", number)))[0])
