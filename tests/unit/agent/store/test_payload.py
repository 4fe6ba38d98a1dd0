import os
import random

import pytest
import zstandard

from agent.store.payload import pack, unpack
from edge_runtime.errors import StoreDamagedError


@pytest.mark.parametrize("data", [b"", b"x", b"ab" * 5000, os.urandom(3000)])
def test_gives_back_what_was_packed(data):
    assert unpack(pack(data)) == data


def test_no_flipped_bit_goes_unnoticed():
    data = random.Random(1).randbytes(300) + b"text " * 100
    payload = pack(data)
    for position in range(len(payload) * 8):
        damaged = bytearray(payload)
        damaged[position // 8] ^= 1 << position % 8
        try:
            result = unpack(bytes(damaged))
        except StoreDamagedError:
            continue
        assert result == data  # a bit that means nothing


def test_a_cut_payload_is_damaged():
    payload = pack(b"some content" * 20)
    for length in range(len(payload)):
        with pytest.raises(StoreDamagedError):
            unpack(payload[:length])


def test_a_frame_without_a_checksum_is_damaged():
    with pytest.raises(StoreDamagedError, match="header"):
        unpack(zstandard.ZstdCompressor().compress(b"content"))
