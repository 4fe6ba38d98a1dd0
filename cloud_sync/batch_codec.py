"""A batch as bytes and back: msgpack, compressed with zstd.

The body is one zstd frame or several: what they hold, one after the other, is the batch. So a box can pass its windows
along as they lie in its store, each a frame of its own, without decompressing and compressing them again.
"""

from collections.abc import Sequence

import msgspec
import zstandard

from cloud_sync.wire import WIRE_MINOR, WIRE_SCHEMA, Batch, decode_msgpack
from edge_runtime.errors import MessageTooLargeError, RefusedError, WireError

CONTENT_TYPE = "application/vnd.hydrosight.batch+msgpack+zstd"
MAX_COMPRESSED_BYTES = 8 * 2**20
MAX_BATCH_BYTES = 64 * 2**20
MAX_RATIO = 200
"""Of decompression. Signals reach 3 to 10; constants, of a machine at rest, more, but not so many megabytes of them:"""
ANY_RATIO_BYTES = 16 * 2**20
_CHUNK_BYTES = 2**20
_MAX_WINDOW_BYTES = 8 * 2**20
"""What every zstd decoder should support (RFC 8878, 3.1.1.1.2), and as much memory as a frame may ask for."""
_FIXMAP, _MAX_FIXMAP = 0x80, 0x0F  # msgpack's map of up to 15 entries: its number is in the low bits


class _Version(msgspec.Struct, frozen=True):
    """What a batch of any major number is asked first."""

    schema_version: int = WIRE_SCHEMA


def encode_batch(batch: Batch, windows: Sequence[bytes] = ()) -> bytes:
    """Serialise and compress.

    Args:
        batch: without windows of its own when `windows` are given.
        windows: its windows, each a zstd frame that holds the msgpack of a WindowRecord; they go as they are.
    """
    compressor = zstandard.ZstdCompressor(level=3)
    if not windows:
        return compressor.compress(msgspec.msgpack.encode(batch))
    fields = {name: getattr(batch, name) for name in batch.__struct_fields__ if name != "windows"}
    count, rest = len(fields) + 1, msgspec.msgpack.encode(fields)[1:]
    assert count <= _MAX_FIXMAP  # noqa: S101  a batch has that many fields at most
    array_header = msgspec.msgpack.encode([None] * len(windows))[: -len(windows)]  # a nil is one byte
    head = bytes([_FIXMAP | count]) + rest + msgspec.msgpack.encode("windows") + array_header
    return b"".join([compressor.compress(head), *windows])


def decode_batch(body: bytes) -> Batch:
    """Decompress and parse.

    Raises:
        RefusedError: of another major number (409).
        WireError: not zstd, or not a batch.
        MessageTooLargeError: larger than MAX_BATCH_BYTES once decompressed.
    """
    return parse_batch(decompress_batch(body))


def decompress_batch(body: bytes) -> bytes:
    """The msgpack of a batch.

    Raises:
        WireError: not zstd.
        MessageTooLargeError: larger than MAX_BATCH_BYTES once decompressed, or than ANY_RATIO_BYTES and by more than
            MAX_RATIO larger than it was.
    """
    try:
        zstandard.get_frame_parameters(body)  # an empty body would pass for no frames at all
        reader = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).stream_reader(
            body, read_across_frames=True
        )
        max_size = min(max(MAX_RATIO * len(body), ANY_RATIO_BYTES), MAX_BATCH_BYTES)
        chunks, size = [], 0
        while chunk := reader.read(_CHUNK_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            if size > max_size:
                raise MessageTooLargeError(
                    f"batch is over {max_size} bytes once decompressed",
                    hint="Send smaller batches, encoded with cloud_sync.batch_codec.encode_batch.",
                )
    except zstandard.ZstdError as error:
        raise WireError(
            f"batch is not zstd: {error}", hint="Encode with cloud_sync.batch_codec.encode_batch."
        ) from error
    return b"".join(chunks)


def parse_batch(raw: bytes) -> Batch:
    """A batch from its msgpack, as far as this program knows it.

    Raises:
        RefusedError: of another major number (409).
        WireError: not a batch.
    """
    version = decode_msgpack(raw, _Version).schema_version
    if version != WIRE_SCHEMA:
        newer, older = ("box", "server") if version > WIRE_SCHEMA else ("server", "box")
        raise RefusedError(
            f"batch has schema {version}, this server knows {WIRE_SCHEMA}.{WIRE_MINOR}",
            status=409,
            hint=f"The {newer} is newer: upgrade hydrosight on the {older}. The box keeps its batches until then.",
        )
    return decode_msgpack(raw, Batch)
