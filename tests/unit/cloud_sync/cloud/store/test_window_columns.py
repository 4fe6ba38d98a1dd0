"""Rows as columns: nothing is lost or mixed up, however many statements it takes."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.cloud.store import window_columns
from cloud_sync.cloud.store.rows import WindowRow
from cloud_sync.cloud.store.window_columns import WindowColumns, columns_of

times = st.datetimes(datetime(1970, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
rows = st.builds(
    WindowRow,
    machine=st.just("rig"),
    start_time=times,
    sensor=st.sampled_from(["PS1", "FS1", "Öl"]),
    end_time=times,
    step_us=st.integers(1, 2**63 - 1),
    samples=st.lists(st.floats(width=32), max_size=9).map(lambda values: np.array(values, np.float32)),
)


def rows_in(columns: WindowColumns) -> list[WindowRow]:
    """As sql/ingest.sql takes them apart: numbers count from 1, and `last` belongs to the row."""
    per_row = zip(*(columns[2:8]), strict=True)
    return [
        WindowRow(
            columns.machine,
            start.item().replace(tzinfo=UTC),
            columns.names[sensor - 1],
            end.item().replace(tzinfo=UTC),
            int(step_us),
            columns.samples[last - length : last],
        )
        for start, sensor, end, step_us, length, last in per_row
    ]


@given(st.lists(rows, max_size=30))
def test_columns_hold_the_same_rows_in_the_same_order(given_rows: list[WindowRow]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window_columns, "_MAX_ROWS", 7)
        patch.setattr(window_columns, "_MAX_SAMPLES", 20)
        parts = list(columns_of(given_rows))

    found = [row for part in parts for row in rows_in(part)]
    assert [row[:5] for row in found] == [row[:5] for row in given_rows]
    assert all(
        np.array_equal(one.samples, other.samples, equal_nan=True) for one, other in zip(found, given_rows, strict=True)
    )
    assert all(len(part.lengths) <= 7 and len(part.samples) <= 20 for part in parts)


def test_a_row_that_is_too_long_for_a_statement_has_one_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_columns, "_MAX_SAMPLES", 20)
    lengths = (5, 21, 5, 15, 1)
    start = datetime(2026, 1, 1, tzinfo=UTC)

    parts = columns_of([WindowRow("rig", start, "PS1", start, 1, np.zeros(n, np.float32)) for n in lengths])

    assert [list(part.lengths) for part in parts] == [[5], [21], [5, 15], [1]]
