"""As much of SQLite's file format as it takes to notice and mend what SQLite itself would give up on.

SQLite reads its write-ahead log up to the first frame whose checksum is wrong, and takes the rest for a commit that the
loss of power cut short. As every commit is synced before the next begins, at most one can have been cut short: when
more follow, the log is damaged, and committed readings would be lost without a word. Then the checksums are made to fit
again, and what is really wrong is found row by row, by the checksums of the payloads.

A commit counts only when its last frame fits the checksum of the frame before it. What a cut has left of a frame may be
half new and half of an earlier use of that place, and look like the end of a commit.

Format: https://www.sqlite.org/fileformat2.html, sections 1.3 and 4.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

PAGE_BYTES = 1024
"""Of new files. A commit writes whole pages: those of a second's readings are half as many bytes with small pages."""
_PAGE_SIZES = (PAGE_BYTES, 4096)
"""Files made by the first version have the larger one."""
_SIGNATURE = b"SQLite format 3\0"
_FIXED = bytes((2, 2, 0, 64, 32, 32))
_START_BYTES = len(_SIGNATURE) + 2 + len(_FIXED)
_PAGE_COUNT = struct.Struct(">28xI")
_SCHEMA_FORMAT = (44, struct.pack(">I", 4))
_TEXT_ENCODING = (56, struct.pack(">I", 1))
_LOG_HEADER = struct.Struct(">8I")
_FRAME_HEADER = struct.Struct(">6I")
_LOG_MAGIC = 0x377F0682
_LOG_VERSION = 3_007_000
_WORDS = 2**32 - 1


def mend_header(path: Path) -> None:
    """Write those bytes of a store's header that are the same in all stores, and no more pages than there are.

    A file that is no store is left alone.
    """
    with path.open("r+b") as file:
        found = file.read(_PAGE_COUNT.size)
        page_bytes = _page_bytes(found, path.stat().st_size)
        start = _SIGNATURE + struct.pack(">H", page_bytes) + _FIXED
        if (
            len(found) < _PAGE_COUNT.size
            or sum(a == b for a, b in zip(found, start, strict=False)) < _START_BYTES * 3 // 4
        ):
            return
        for offset, content in ((0, start), _SCHEMA_FORMAT, _TEXT_ENCODING):
            file.seek(offset)
            file.write(content)
        # SQLite won't look into a file that is shorter than its header says.
        (pages,) = _PAGE_COUNT.unpack(found)
        if (there := path.stat().st_size // page_bytes) < pages:
            file.seek(_PAGE_COUNT.size - 4)
            file.write(struct.pack(">I", there))


def _page_bytes(header: bytes, file_bytes: int) -> int:
    """The size of a page: what file size and number of pages say, else what the header does."""
    pages, declared = (int.from_bytes(header[start:end], "big") for start, end in ((28, 32), (16, 18)))
    agreed = [size for size in _PAGE_SIZES if pages * size == file_bytes]
    return next((size for size in (*agreed, declared) if size in _PAGE_SIZES), PAGE_BYTES)


def log_is_damaged(log: Path) -> bool:
    """Whether commits follow the place where SQLite would stop reading a write-ahead log."""
    content = log.read_bytes() if log.exists() else b""
    page_bytes = _log_page_bytes(content)
    frames = _frames(content, page_bytes)
    if not frames:
        return False
    sums = _sums(content[:24], (0, 0))
    if _LOG_HEADER.unpack_from(content)[6:] != sums:
        return True
    salts = _LOG_HEADER.unpack_from(content)[4:6]
    for index, offset in enumerate(frames):
        sums = _frame_sums(content, offset, page_bytes, sums)
        if (*salts, *sums) != _FRAME_HEADER.unpack_from(content, offset)[2:]:
            commits = _whole_commits(content, frames, page_bytes, salts)
            return sum(commit > index for commit in commits) > 1
    return False


def mend_log(log: Path) -> None:
    """Make header and checksums of a write-ahead log fit its content, up to its last commit that is whole."""
    content = bytearray(log.read_bytes() if log.exists() else b"")
    page_bytes = _log_page_bytes(content)
    frames = _frames(content, page_bytes)
    if not frames:
        return
    salts = _generation(content, frames)
    last = max(_whole_commits(content, frames, page_bytes, salts), default=-1)
    sequence = _LOG_HEADER.unpack_from(content)[3]
    content[:24] = struct.pack(">6I", _LOG_MAGIC, _LOG_VERSION, page_bytes, sequence, *salts)
    sums = _sums(content[:24], (0, 0))
    content[24:32] = struct.pack(">2I", *sums)
    for offset in frames[: last + 1]:
        struct.pack_into(">2I", content, offset + 8, *salts)
        sums = _frame_sums(content, offset, page_bytes, sums)
        struct.pack_into(">2I", content, offset + 16, *sums)
    log.write_bytes(content)


def _log_page_bytes(content: bytes | bytearray) -> int:
    """The size of a page as the log's header has it, else that at which two frames of one generation follow."""
    if len(content) < _LOG_HEADER.size:
        return PAGE_BYTES
    declared = int(_LOG_HEADER.unpack_from(content)[2])
    if declared in _PAGE_SIZES:
        return declared
    for size in _PAGE_SIZES:
        salts = {bytes(content[offset + 8 : offset + 16]) for offset in _frames(content, size)[:2]}
        if len(salts) == 1:
            return size
    return PAGE_BYTES


def _frames(content: bytes | bytearray, page_bytes: int) -> range:
    """Offset of each whole frame."""
    frame_bytes = _FRAME_HEADER.size + page_bytes
    return range(_LOG_HEADER.size, len(content) - frame_bytes + 1, frame_bytes)


def _whole_commits(content: bytes | bytearray, frames: range, page_bytes: int, salts: tuple[int, ...]) -> Iterator[int]:
    """Indexes of the frames that end a commit, are of this generation, and fit the checksum just before them."""
    for index, offset in enumerate(frames):
        _, commit, *found = _FRAME_HEADER.unpack_from(content, offset)
        if commit and tuple(found[:2]) == salts:
            before = struct.unpack_from(">2I", content, frames[index - 1] + 16 if index else 24)
            if _frame_sums(content, offset, page_bytes, before) == tuple(found[2:]):
                yield index


def _generation(content: bytearray, frames: range) -> tuple[int, int]:
    """The salts of the frames in use, not left over: those of the header, or of the first frame if none has those."""
    salts = _LOG_HEADER.unpack_from(content)[4:6]
    found = [struct.unpack_from(">2I", content, offset + 8) for offset in frames]
    return salts if salts in found else found[0]


def _frame_sums(content: bytes | bytearray, offset: int, page_bytes: int, sums: tuple[int, int]) -> tuple[int, int]:
    start = offset + _FRAME_HEADER.size
    return _sums(content[start : start + page_bytes], _sums(content[offset : offset + 8], sums))


def _sums(data: bytes | bytearray, sums: tuple[int, int]) -> tuple[int, int]:
    """SQLite's log checksum over little-endian words, as `_LOG_MAGIC` says."""
    first, second = sums
    words = struct.unpack(f"<{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _WORDS
        second = (second + odd + first) & _WORDS
    return first, second
