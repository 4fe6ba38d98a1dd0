import math
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.block import READINGS_A_SENSOR, Block, decode_block, encode_block
from agent.store.payload import pack, unpack
from edge_runtime.errors import StoreDamagedError
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading

times = st.integers(-(2**63), 2**63 - 1)
any_reading = st.builds(
    Reading,
    sensor=st.sampled_from(["PS1", "TS1", "Öl-Temperatur", "x" * 64]),
    value=st.floats(width=64),
    quality=st.sampled_from(Quality),
    source_time_us=times,
    received_time_us=times,
)


FIRST_VERSION = (
    "28b52ffd2462dd0100c402484201020002000000030050533101c3966c1018cc27fcde00ffff2ce83401032100f83f008000"
    "f87f00010205004060300c5c6d749db02d75750c3afa"
)


def rows(block):
    """What a block holds, by sensor in order; values as bits, because NaN differs from itself."""
    return {
        sensor: [
            (struct.pack("<d", value), quality, time_us, received_us)
            for value, quality, time_us, received_us in zip(
                block.values[part].tolist(),
                block.statuses[part].tolist(),
                block.times_us[part].tolist(),
                block.received_us[part].tolist(),
                strict=True,
            )
        ]
        for sensor, part in block.by_sensor()
    }


def expected_rows(readings):
    expected = {}
    for item in readings:
        row = (struct.pack("<d", item.value), item.quality, item.source_time_us, item.received_time_us)
        expected.setdefault(item.sensor, []).append(row)
    return expected


@given(st.lists(any_reading, min_size=1, max_size=60))
def test_every_reading_comes_back_bit_for_bit_in_the_order_of_arrival(readings):
    assert rows(decode_block(encode_block(Block.of(readings)))) == expected_rows(readings)


@given(st.lists(any_reading, min_size=1, max_size=6), st.integers(0, 300))
def test_so_do_many_readings_of_each_sensor(readings, spread_us):
    many = [
        replace(item, source_time_us=(item.source_time_us + spread_us * turn) % 2**63)
        for turn in range(READINGS_A_SENSOR)
        for item in readings
    ]
    assert rows(decode_block(encode_block(Block.of(many)))) == expected_rows(many)


def test_files_written_by_earlier_versions_stay_readable():
    """Made by the first version, of the readings below, whose times step back and whose value is NaN once."""
    payload = bytes.fromhex(FIRST_VERSION)
    readings = [
        Reading("PS1", 1.5, Quality.GOOD, 10_000, 10_300),
        Reading("Öl", math.nan, Quality.BAD, 500, 10_300),
        Reading("PS1", -0.0, Quality.UNCERTAIN, 9_000, 10_300),
    ]
    assert rows(decode_block(payload)) == expected_rows(readings)


@given(st.lists(st.lists(any_reading, min_size=1, max_size=10), min_size=1, max_size=6))
def test_merged_blocks_hold_what_one_block_of_all_readings_would(appends):
    merged = Block.merged([decode_block(encode_block(Block.of(readings))) for readings in appends])
    assert rows(merged) == expected_rows([item for readings in appends for item in readings])


@given(st.data())
def test_damage_is_noticed_or_harmless(data):
    readings = [Reading("PS1", 1.5 * n, Quality.GOOD, 10_000 * n, 10_000 * n + 3) for n in range(50)]
    payload = bytearray(encode_block(Block.of(readings)))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        block = decode_block(bytes(payload))
    except StoreDamagedError:
        return
    assert rows(block) == expected_rows(readings)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"HB",
        b"HB\x03\x01\x00",
        b"HB\x02\x01\x00\xff\xff\xff\xff\x01\x00A",
        b"HB\x02\x01\x00\x02\x00\x00\x00\x01\x00A\x00",
        b"HB\x01\x05\x00",
        b"HB\x01\x01\x00\xff\xff\xff\xff\x01\x00A",
        b"no block",
    ],
)
def test_content_that_is_no_block_is_refused(content):
    with pytest.raises(StoreDamagedError):
        decode_block(pack(content))


def test_content_with_readings_missing_is_refused():
    whole = unpack(encode_block(Block.of([Reading("PS1", 1.0, Quality.GOOD, 5, 6)])))
    with pytest.raises(StoreDamagedError, match="1 readings"):
        decode_block(pack(whole[:-1]))


def test_content_with_more_than_its_columns_is_refused():
    whole = unpack(encode_block(Block.of([Reading("PS1", 1.0, Quality.GOOD, 5, 6)] * READINGS_A_SENSOR)))
    with pytest.raises(StoreDamagedError, match="expected"):
        decode_block(pack(whole + b"\0"))


def test_a_regular_signal_takes_under_a_byte_a_reading():
    readings = [
        Reading(
            "PS1", round(150 + 10 * np.sin(n / 50), 1), Quality.GOOD, 10_000 * n, 10_000 * (n - n % 100) + 1_001_234
        )
        for n in range(6000)
    ]
    assert len(encode_block(Block.of(readings))) < len(readings)
