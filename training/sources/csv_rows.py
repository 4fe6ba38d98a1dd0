"""Rows of a CSV file as columns of text, block by block."""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from edge_runtime.errors import RecordingError
from edge_runtime.reading import Int64Array
from training.sources.csv_cells import Cells
from training.sources.csv_dialect import CsvDialect, open_bytes

_BLOCK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a file.

    Attributes:
        rows: int64 [n], number of each; the names of the columns are row 1.
        columns: text by name.
        done: bytes of the file that were read so far.
    """

    path: Path
    rows: Int64Array
    columns: pa.RecordBatch
    done: int

    def cells(self, column: str) -> Cells:
        """One column."""
        return Cells(self.path, column, self.rows, self.columns.column(column))

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Block":
        """Only the rows chosen, a bool each."""
        return replace(self, rows=self.rows[chosen], columns=self.columns.filter(pa.array(chosen)))


def read_blocks(path: Path, dialect: CsvDialect, columns: Sequence[str] = ()) -> Iterator[Block]:
    """The rows of a file after the names of its columns.

    Args:
        path: of the file.
        dialect: how it is written.
        columns: names of those to read. Default: all.

    Raises:
        RecordingError: a row has too many or too few cells, or it isn't text in its encoding.
    """
    ragged: list[csv.InvalidRow] = []

    def refuse(row: csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    parsing = csv.ParseOptions(delimiter=dialect.delimiter, invalid_row_handler=refuse)
    converting = csv.ConvertOptions(
        column_types=dict.fromkeys(dialect.header, pa.string()),
        include_columns=list(columns) or None,
        strings_can_be_null=False,
        quoted_strings_can_be_null=False,
    )
    # Row by number `n` of a piece is row `before + n` of the file. The first piece counts the columns' names as well.
    before, names = 0, 1
    try:
        for text, done in _pieces(path, dialect.encoding):
            whole = csv.ReadOptions(
                use_threads=False, block_size=2 * len(text) + 1, skip_rows=names, column_names=dialect.header
            )
            table = csv.read_csv(pa.BufferReader(text), whole, parsing, converting)
            first = before + names + 1
            for batch in table.combine_chunks().to_batches():
                yield Block(path, np.arange(first, first + batch.num_rows), batch, done)
            before, names = first + table.num_rows - 1, 0
    except (pa.ArrowException, UnicodeError, OSError, EOFError) as error:
        raise _unreadable(path, dialect, ragged, before, error) from error


def _pieces(path: Path, encoding: str) -> Iterator[tuple[bytes, int]]:
    """A file's rows as UTF-8, some at a time, and how many of its bytes were read so far.

    Arrow could read on by itself, but does so ahead, in a thread that calls Python: a program that meanwhile ends on an
    error in the rows before is aborted.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    rest = ""
    with open_bytes(path) as file:
        packed = getattr(file, "fileobj", file)  # of a packed file, the position in it as it lies on the disk
        while content := file.read(_BLOCK_BYTES):
            rest += decoder.decode(content)
            rows, line_end, rest = rest.rpartition("\n")
            if line_end:
                yield f"{rows}\n".encode(), packed.tell()
        rest += decoder.decode(b"", final=True)
        if rest:
            yield f"{rest}\n".encode(), packed.tell()


def _unreadable(
    path: Path, dialect: CsvDialect, ragged: Sequence[csv.InvalidRow], before: int, error: Exception
) -> RecordingError:
    if not ragged:
        return RecordingError(
            f"{path}: can't be read as CSV in {dialect.encoding}: {error}", hint="Export it as CSV in UTF-8."
        )
    row = ragged[0]
    where = f"row {before + row.number}" if row.number is not None else f"the row {row.text!r}"
    hint = "Give each row as many cells as there are columns."
    if dialect.delimiter == "," and row.actual_columns > row.expected_columns:
        hint += " If commas are decimal signs too, export with semicolons between cells."
    return RecordingError(
        f"{path}: {where}: has {row.actual_columns} cells, there are {row.expected_columns} columns", hint=hint
    )
