"""Every payload in the store is one zstd frame with a checksum, so that a flipped bit is found when it is read."""

import zstandard

from edge_runtime.errors import StoreDamagedError

MAX_PAYLOAD_BYTES = 256 * 2**20
_LEVEL = 3


def pack(data: bytes) -> bytes:
    """Compress, with length and checksum (XXH64 of the content, RFC 8878 section 3.1.1)."""
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(data)


def unpack(payload: object) -> bytes:
    """Give back what was packed. A damaged file may hold anything where a payload should be.

    Raises:
        StoreDamagedError: the payload isn't what `pack` made.
    """
    if not isinstance(payload, bytes):
        raise StoreDamagedError("damaged payload: it isn't bytes")
    try:
        frame = zstandard.get_frame_parameters(payload)
        # Checked first: a damaged header may declare any size, or that there is no checksum.
        if frame.content_size > MAX_PAYLOAD_BYTES or not frame.has_checksum:
            raise StoreDamagedError("damaged payload: its header is wrong")
        return zstandard.ZstdDecompressor().decompress(payload, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise StoreDamagedError(f"damaged payload: {error}") from error
