"""Whatever numbers are written, in whatever way of writing CSV, are the numbers that are read."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.sources.csv_files import CsvSource
from training.sources.source import ReadOptions, read_source

START_US = 1_769_867_100_000_000
NUMBERS = st.one_of(st.none(), st.just(float("nan")), st.floats(-1e9, 1e9, allow_subnormal=False))
WAYS = st.sampled_from([(",", False), (";", False), (";", True), ("\t", False), ("\t", True), ("|", True)])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])


def cell(value: float | None, *, decimal_comma: bool) -> str:
    if value is None:
        return ""
    return repr(value).replace(".", ",") if decimal_comma else repr(value)


@settings(max_examples=60, deadline=None)
@given(
    columns=st.lists(st.lists(NUMBERS, min_size=1, max_size=6), min_size=1, max_size=3),
    way=WAYS,
    encoding=ENCODINGS,
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_is_what_is_read(
    columns: list[list[float | None]], way: tuple[str, bool], encoding: str, end: str
):
    delimiter, decimal_comma = way
    height = max(map(len, columns))
    # A number with a fraction tells the decimal sign.
    columns = [[0.5, *column, *[None] * (height - len(column))] for column in columns]
    lines = [delimiter.join(["timestamp", *(f"Sensör{k}" for k in range(len(columns)))])]
    for row, values in enumerate(zip(*columns, strict=True)):
        written = (cell(value, decimal_comma=decimal_comma) for value in values)
        lines.append(delimiter.join([str(START_US // 1_000_000 + row), *written]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes((end.join(lines) + end).encode(encoding))
        recording = read_source(CsvSource(path, ReadOptions()))
    for number, column in enumerate(columns):
        series = recording.series[f"Sensör{number}"]
        there = [row for row, value in enumerate(column) if value is not None]
        np.testing.assert_array_equal(series.values, [column[row] for row in there])
        np.testing.assert_array_equal(series.times_us, [START_US + row * 1_000_000 for row in there])
