"""Rows of a CSV file as columns of text, block by block."""

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

    first_row = 2
    with open_bytes(path) as file:
        raw = getattr(file, "fileobj", file)  # of a packed file, the position in it as it lies on the disk
        try:
            reader = csv.open_csv(
                file,
                csv.ReadOptions(
                    use_threads=False,
                    block_size=_BLOCK_BYTES,
                    skip_rows=1,
                    column_names=dialect.header,
                    encoding="utf-8" if dialect.encoding == "utf-8-sig" else dialect.encoding,
                ),
                csv.ParseOptions(delimiter=dialect.delimiter, invalid_row_handler=refuse),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(dialect.header, pa.string()),
                    include_columns=list(columns) or None,
                    strings_can_be_null=False,
                    quoted_strings_can_be_null=False,
                ),
            )
            for batch in reader:
                yield Block(path, np.arange(first_row, first_row + batch.num_rows), batch, raw.tell())
                first_row += batch.num_rows
        except (pa.ArrowException, UnicodeError, OSError, EOFError) as error:
            raise _unreadable(path, dialect, ragged, error) from error


def _unreadable(path: Path, dialect: CsvDialect, ragged: Sequence[csv.InvalidRow], error: Exception) -> RecordingError:
    if not ragged:
        return RecordingError(
            f"{path}: can't be read as CSV in {dialect.encoding}: {error}", hint="Export it as CSV in UTF-8."
        )
    row = ragged[0]
    where = f"row {row.number}" if row.number is not None else f"the row {row.text!r}"
    hint = "Give each row as many cells as there are columns."
    if dialect.delimiter == "," and row.actual_columns > row.expected_columns:
        hint += " If commas are decimal signs too, export with semicolons between cells."
    return RecordingError(
        f"{path}: {where}: has {row.actual_columns} cells, there are {row.expected_columns} columns", hint=hint
    )
