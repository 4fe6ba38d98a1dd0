"""As much of SQLite's file format as it takes to notice and mend what SQLite itself would give up on.

SQLite reads its write-ahead log up to the first frame whose checksum is wrong, and takes the rest for a commit that the
loss of power cut short. As every commit is synced before the next begins, at most one can have been cut short: when
more follow, the log is damaged, and committed readings would be lost without a word. Then the checksums are made to fit
again, and what is really wrong is found row by row, by the checksums of the payloads.

Format: https://www.sqlite.org/fileformat2.html, sections 1.3 and 4.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

PAGE_BYTES = 4096
_START = b"SQLite format 3\0" + bytes((PAGE_BYTES >> 8, PAGE_BYTES & 255, 2, 2, 0, 64, 32, 32))
_SCHEMA_FORMAT = (44, struct.pack(">I", 4))
_TEXT_ENCODING = (56, struct.pack(">I", 1))
_LOG_HEADER = struct.Struct(">8I")
_FRAME_HEADER = struct.Struct(">6I")
_LOG_MAGIC = 0x377F0682
_LOG_VERSION = 3_007_000
_FRAME_BYTES = _FRAME_HEADER.size + PAGE_BYTES
_WORDS = 2**32 - 1


def mend_header(path: Path) -> None:
    """Write those bytes of a store's header that are the same in all stores; a file that is no store is left alone."""
    with path.open("r+b") as file:
        start = file.read(len(_START))
        if sum(a == b for a, b in zip(start, _START, strict=False)) < len(_START) * 3 // 4:
            return
        for offset, content in ((0, _START), _SCHEMA_FORMAT, _TEXT_ENCODING):
            file.seek(offset)
            file.write(content)


def log_is_damaged(log: Path) -> bool:
    """Whether commits follow the place where SQLite would stop reading a write-ahead log."""
    content = log.read_bytes() if log.exists() else b""
    frames = list(_frames(content))
    if not frames:
        return False
    sums = _sums(content[:24], (0, 0))
    if _LOG_HEADER.unpack_from(content)[6:] != sums:
        return True
    salts = _LOG_HEADER.unpack_from(content)[4:6]
    sound = True
    commits_after = 0
    for offset in frames:
        _, commit, *found = _FRAME_HEADER.unpack_from(content, offset)
        if sound:
            sums = _frame_sums(content, offset, sums)
            sound = (*salts, *sums) == tuple(found)
        if not sound and tuple(found[:2]) == salts and commit:
            commits_after += 1
    return commits_after > 1


def mend_log(log: Path) -> None:
    """Make header and checksums of a write-ahead log fit its content, up to the last frame of its generation."""
    content = bytearray(log.read_bytes() if log.exists() else b"")
    frames = list(_frames(content))
    if not frames:
        return
    salts = _generation(content, frames)
    last = max(
        (index for index, offset in enumerate(frames) if struct.unpack_from(">2I", content, offset + 8) == salts),
        default=-1,
    )
    sequence = _LOG_HEADER.unpack_from(content)[3]
    content[:24] = struct.pack(">6I", _LOG_MAGIC, _LOG_VERSION, PAGE_BYTES, sequence, *salts)
    sums = _sums(content[:24], (0, 0))
    content[24:32] = struct.pack(">2I", *sums)
    for offset in frames[: last + 1]:
        struct.pack_into(">2I", content, offset + 8, *salts)
        sums = _frame_sums(content, offset, sums)
        struct.pack_into(">2I", content, offset + 16, *sums)
    log.write_bytes(content)


def _frames(content: bytes | bytearray) -> Iterator[int]:
    """Offset of each whole frame."""
    yield from range(_LOG_HEADER.size, len(content) - _FRAME_BYTES + 1, _FRAME_BYTES)


def _generation(content: bytearray, frames: list[int]) -> tuple[int, int]:
    """The salts of the frames in use, not left over: those of the header, or of the first frame if none has those."""
    salts = _LOG_HEADER.unpack_from(content)[4:6]
    found = [struct.unpack_from(">2I", content, offset + 8) for offset in frames]
    return salts if salts in found else found[0]


def _frame_sums(content: bytes | bytearray, offset: int, sums: tuple[int, int]) -> tuple[int, int]:
    start = offset + _FRAME_HEADER.size
    return _sums(content[start : start + PAGE_BYTES], _sums(content[offset : offset + 8], sums))


def _sums(data: bytes | bytearray, sums: tuple[int, int]) -> tuple[int, int]:
    """SQLite's log checksum over little-endian words, as `_LOG_MAGIC` says."""
    first, second = sums
    words = struct.unpack(f"<{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _WORDS
        second = (second + odd + first) & _WORDS
    return first, second
