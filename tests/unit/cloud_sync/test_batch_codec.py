"""Batches on the wire: in one frame or in many, and whatever else may come."""

import random
from contextlib import nullcontext

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.batch_codec import ANY_RATIO_BYTES, MAX_BATCH_BYTES, decode_batch, decompress_batch, encode_batch
from cloud_sync.wire import WindowRecord
from edge_runtime.errors import MessageTooLargeError, WireError
from tests.servers.batches import make_batch


def packed(windows: tuple[WindowRecord, ...], level: int = 3) -> list[bytes]:
    compressor = zstandard.ZstdCompressor(level=level, write_checksum=True)
    return [compressor.compress(msgspec.msgpack.encode(window)) for window in windows]


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 300])
def test_windows_passed_along_as_they_lie_in_the_store_arrive_as_any_others(count: int) -> None:
    batch = make_batch("rig", 3, windows=max(count, 1))
    batch = msgspec.structs.replace(batch, windows=batch.windows[:count], backlog=True)
    rest = msgspec.structs.replace(batch, windows=())
    assert decode_batch(encode_batch(rest, packed(batch.windows))) == batch
    assert decode_batch(encode_batch(batch)) == batch


@given(st.binary(max_size=200))
def test_what_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        decode_batch(body)


@given(st.data())
def test_a_batch_that_is_cut_short_is_refused(data: st.DataObject) -> None:
    """Short of the checksum of the last frame, which says nothing that the length doesn't."""
    batch = make_batch("rig", 0, windows=3)
    body = encode_batch(msgspec.structs.replace(batch, windows=()), packed(batch.windows))
    length = data.draw(st.integers(0, len(body) - 8))
    with pytest.raises(WireError):
        decode_batch(body[:length])


def test_many_small_frames_that_grow_too_large_together_are_refused() -> None:
    frame = zstandard.ZstdCompressor().compress(bytes(MAX_BATCH_BYTES // 4))
    with pytest.raises(MessageTooLargeError):
        decode_batch(frame * 5)


@pytest.mark.parametrize(
    ("size", "padding", "allowed"),
    [(ANY_RATIO_BYTES - 100, 0, True), (ANY_RATIO_BYTES + 1, 0, False), (ANY_RATIO_BYTES + 1, 2**17, True)],
    ids=["small enough for any ratio", "too much from too little", "a ratio that occurs"],
)
def test_many_megabytes_from_a_few_bytes_are_refused(size: int, padding: int, allowed: bool) -> None:
    body = zstandard.compress(bytes(size) + random.Random(1).randbytes(padding))

    with nullcontext() if allowed else pytest.raises(MessageTooLargeError):
        assert len(decompress_batch(body)) == size + padding


def test_a_frame_may_not_ask_for_more_memory_than_every_decoder_should_have() -> None:
    """A window of 128 MiB around one byte, by hand (RFC 8878, 3.1.1)."""
    with pytest.raises(WireError, match="memory"):
        decompress_batch(b"\x28\xb5\x2f\xfd" + bytes([0, 17 << 3]) + b"\x09\x00\x00\x80")
