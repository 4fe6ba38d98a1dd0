import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sources.modbus.decoder import DEVICE_FAULT, NOT_A_NUMBER, Decoder
from agent.sources.modbus.read_plan import ReadLimits, plan_reads
from agent.sources.modbus.registers import ByteOrder, ClockSettings, NumberType, RegisterSettings

FORMATS = dict(zip(NumberType, "hHiIqQfd", strict=True))


def register(sensor="S", address=0, **changes):
    return RegisterSettings.model_validate({"sensor": sensor, "address": address, **changes})


def decoded(registers, *answers, gap=125):
    """(values, statuses) of the answers to the plan of these registers."""
    values = Decoder(registers, plan_reads(registers, ReadLimits(widest_gap=gap))).values(answers)
    return list(values.numbers), list(values.statuses)


def arriving(content, order):
    """The bytes of a number, most significant first, in the order that they arrive in."""
    registers = [content[k : k + 2] for k in range(0, len(content), 2)]
    if order in ("CDAB", "DCBA"):
        registers.reverse()
    return b"".join(item[::-1] if order in ("BADC", "DCBA") else item for item in registers)


@given(st.sampled_from(NumberType), st.sampled_from(ByteOrder), st.data())
def test_every_type_and_byte_order_is_decoded(number_type, order, data):
    width = number_type.width * 16
    if not number_type.is_integer:
        number = data.draw(st.floats(width=width, allow_nan=False, allow_infinity=False))
    elif number_type.is_unsigned:
        number = data.draw(st.integers(0, 2**width - 1))
    else:
        number = data.draw(st.integers(-(2 ** (width - 1)), 2 ** (width - 1) - 1))
    content = arriving(struct.pack(f">{FORMATS[number_type]}", number), order)
    assert decoded([register(type=number_type, byte_order=order)], content) == ([float(number)], [0])


@given(st.binary(min_size=16, max_size=16))
def test_any_bits_become_a_finite_number_or_nan_without_a_warning(content):
    registers = [register("A", 0), register("B", 2), register("C", 4, type="float64", scale=1e300)]
    numbers, statuses = decoded(registers, content)
    for number, status in zip(numbers, statuses, strict=True):
        assert math.isfinite(number) == (status == 0)
        assert status in {0, NOT_A_NUMBER}


@given(st.integers(0, 2**32 - 1), st.integers(0, 31), st.integers(0, 31))
def test_bits_are_cut_out(word, one, other):
    low, high = sorted((one, other))
    expected = (word >> low) % 2 ** (high - low + 1)
    assert decoded([register(type="uint32", bits=(low, high))], struct.pack(">I", word)) == ([float(expected)], [0])


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.data())
def test_coils_are_taken_out_of_their_bytes(bits, data):
    first = data.draw(st.integers(0, 1000))
    content = sum(bit << k for k, bit in enumerate(bits)).to_bytes((len(bits) + 7) // 8, "little")
    coils = [register(f"S{k}", first + k, kind="coil") for k in range(len(bits))]
    assert decoded(coils, content) == ([float(bit) for bit in bits], [0] * len(bits))


def test_several_kinds_and_types_are_taken_apart():
    registers = [
        register("P", 100),
        register("T", 7, kind="input", type="int16", scale=0.01, offset=-5),
        register("Q", 0, unit="psi"),
        register("V", 3, kind="coil"),
    ]
    answers = (b"\x01", struct.pack(">f", 100.0), struct.pack(">f", 2.5), struct.pack(">h", -1234))
    numbers, statuses = decoded(registers, *answers, gap=0)
    assert numbers == [2.5, pytest.approx(-17.34), pytest.approx(6.894757), 1.0]
    assert statuses == [0] * 4


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_float_without_a_number_is_bad(number):
    numbers, statuses = decoded([register()], struct.pack(">f", number))
    assert math.isnan(numbers[0])
    assert statuses == [NOT_A_NUMBER]


@pytest.mark.parametrize(
    ("changes", "content"),
    [
        ({"type": "int16", "no_value": [0x7FFF, 0x8000]}, b"\x80\x00"),
        ({"type": "int16", "no_value": [0x7FFF, 0x8000]}, b"\x7f\xff"),
        ({"type": "uint32", "no_value": [0xFFFFFFFF]}, b"\xff" * 4),
        ({"type": "uint64", "no_value": [2**64 - 1]}, b"\xff" * 8),
        ({"no_value": [-9999.9]}, struct.pack(">f", -9999.9)),
        ({"type": "uint16", "raw_min": 4000}, struct.pack(">H", 3999)),
        ({"type": "uint16", "raw_max": 20000, "scale": 0.1}, struct.pack(">H", 20001)),
    ],
)
def test_a_marker_or_a_number_outside_the_raw_range_is_a_device_fault(changes, content):
    numbers, statuses = decoded([register(**changes)], content)
    assert math.isnan(numbers[0])
    assert statuses == [DEVICE_FAULT]


def test_the_largest_number_that_is_no_marker_is_good():
    assert decoded([register(type="uint64", no_value=[2**64 - 1])], struct.pack(">Q", 2**64 - 2))[1] == [0]
    assert decoded([register(type="uint16", raw_min=4, raw_max=6)], struct.pack(">H", 6)) == ([6.0], [0])


def test_a_refused_block_is_a_device_fault_and_the_others_are_not():
    numbers, statuses = decoded([register("A", 0), register("B", 50)], None, struct.pack(">f", 2.0), gap=0)
    assert math.isnan(numbers[0])
    assert (numbers[1], statuses) == (2.0, [DEVICE_FAULT, 0])


def test_a_register_that_is_not_read_is_a_device_fault():
    registers = [register("A", 0), register("B", 2)]
    values = Decoder(registers, plan_reads(registers[:1], ReadLimits())).values([struct.pack(">f", 1.0)])
    assert values.numbers[0] == 1.0
    assert values.statuses == [0, DEVICE_FAULT]


def test_the_clock_is_taken_out_in_any_byte_order():
    content = struct.pack(">q", 1_420_070_400_123_456)
    for order in ByteOrder:
        entries = [ClockSettings(address=10, byte_order=order), register(address=14)]
        blocks = plan_reads(entries, ReadLimits())
        decoder = Decoder(entries[1:], blocks)
        answer = arriving(content, order) + struct.pack(">f", 3.0)
        assert decoder.device_time_us([answer]) == 1_420_070_400_123_456
        assert list(decoder.values([answer]).numbers) == [3.0]
        assert decoder.device_time_us([None]) is None
        assert decoder.clock_block is blocks[0]


def test_without_a_clock_there_is_no_device_time():
    registers = [register()]
    decoder = Decoder(registers, plan_reads(registers, ReadLimits()))
    assert decoder.device_time_us([b"\0" * 4]) is None
    assert list(decoder.values([b"\0" * 4]).numbers) == [0.0]
