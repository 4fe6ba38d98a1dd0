"""How a CSV file is written: its encoding, what separates its cells, and its decimal sign, found from its beginning."""

import csv
import gzip
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from edge_runtime.errors import RecordingError

_LOOKED_AT_BYTES = 256 * 1024
_LOOKED_AT_ROWS = 500
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How one file is written.

    Attributes:
        encoding: Python's name of it.
        delimiter: between cells.
        decimal_comma: whether 1,5 is one and a half.
        header: names of the columns.
    """

    encoding: str
    delimiter: str
    decimal_comma: bool
    header: tuple[str, ...]

    def __str__(self) -> str:
        words = [f"{_DELIMITERS[self.delimiter]} between cells"]
        if self.decimal_comma:
            words.append("decimal commas")
        if not self.encoding.startswith("utf-8"):
            words.append(self.encoding)
        return ", ".join(words)


def open_bytes(path: Path) -> IO[bytes]:
    """A CSV file's bytes, unpacked where its name ends in .gz.

    Raises:
        RecordingError: it can't be opened.
    """
    try:
        return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise RecordingError(
            f"{path}: can't be read: {error.strerror or error}", hint="Check the path and its permissions."
        ) from error


def find_dialect(path: Path) -> CsvDialect:
    """How the file is written. Without a byte order mark it is UTF-8 if it can be, else Windows-1252.

    Raises:
        RecordingError: it can't be read, is empty or binary, or a column's name is missing or there twice.
    """
    with open_bytes(path) as file:
        try:
            beginning = file.read(_LOOKED_AT_BYTES)
        except (OSError, EOFError) as error:
            raise RecordingError(
                f"{path}: can't be unpacked: {error}", hint="Pack it anew, or give it unpacked."
            ) from error
    encoding = _encoding(beginning)
    # The last line looked at may be cut in the middle of a character.
    lines = beginning.decode(encoding, errors="ignore").splitlines()
    if not lines or not lines[0].strip():
        raise RecordingError(f"{path}: row 1: has no names of columns", hint="Begin with a row that names the columns.")
    if "\0" in lines[0]:
        raise RecordingError(f"{path}: is not text", hint="Export it as CSV: a spreadsheet's own format can't be read.")
    if lines[0].lower().startswith("sep="):
        raise RecordingError(
            f"{path}: row 1: is a note to Excel, not the names of columns", hint="Take the row out, and export again."
        )
    delimiter = max(_DELIMITERS, key=lambda one: (lines[0].count(one), one == ","))
    rows = csv.reader(lines[: _LOOKED_AT_ROWS + 1], delimiter=delimiter)
    header = tuple(name.strip() for name in next(rows))
    twice = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if twice or "" in header:
        fault = f"column {', '.join(twice)} is there twice" if any(twice) else "a column has no name"
        raise RecordingError(f"{path}: row 1: {fault}", hint="Give each column a name of its own.")
    return CsvDialect(encoding, delimiter, _has_decimal_commas(delimiter, list(rows)), header)


def _encoding(beginning: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if beginning.startswith(mark):
            return encoding
    try:
        beginning[:-4].decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut off by the end of what was looked at is no sign of another encoding.
        return "utf-8" if error.start >= len(beginning) - 8 else "cp1252"
    return "utf-8"


def _has_decimal_commas(delimiter: str, rows: list[list[str]]) -> bool:
    cells = [cell.strip() for row in rows for cell in row]
    commas = any(_DECIMAL_COMMA.fullmatch(cell) for cell in cells)
    points = any(_DECIMAL_POINT.fullmatch(cell) for cell in cells)
    return commas or (delimiter == ";" and not points)
