"""Times as loggers, spreadsheets and measuring programs of several countries write them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import RecordingError
from training.sources.csv_cells import Cells
from training.sources.csv_times import UNKNOWN, DateOrder, LocalTimes, times_us

DAY_FIRST = LocalTimes("UTC", DateOrder.DAY_FIRST)
MONTH_FIRST = LocalTimes("UTC", DateOrder.MONTH_FIRST)
QUARTER_PAST_EIGHT = datetime(2026, 11, 2, 8, 15, tzinfo=UTC)


def cells(*text: str) -> Cells:
    return Cells(Path("a.csv"), "timestamp", np.arange(2, 2 + len(text)), pa.array(text, pa.string()))


def read(local: LocalTimes, *text: str) -> list[datetime]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [epoch + timedelta(microseconds=int(time)) for time in times_us(cells(*text), local)]


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("02.11.2026 08:15:00", DAY_FIRST),
        ("2.11.2026 8:15", DAY_FIRST),
        ("02/11/2026 08:15:00.000", DAY_FIRST),
        ("02-11-2026T08:15:00,000", DAY_FIRST),
        ("11/2/2026 8:15", MONTH_FIRST),
        ("11/02/2026, 8:15:00 AM", MONTH_FIRST),
        ("2026/11/2 8:15", LocalTimes("UTC")),
        ("2026.11.02 08:15:00", LocalTimes("UTC")),
        ("2026-11-02 08:15:00,000", LocalTimes("UTC")),
        ("2026-11-02T08:15:00,0Z", UNKNOWN),
        ("1793607300,0", UNKNOWN),
    ],
)
def test_one_moment_in_many_spellings(text: str, local: LocalTimes):
    assert read(local, text) == [QUARTER_PAST_EIGHT]


@pytest.mark.parametrize(
    ("text", "hour"), [("12:00:00 AM", 0), ("1:00:00 am", 1), ("12:30 PM", 12), ("11:59 p.m.", 23), ("13:00", 13)]
)
def test_twelve_hour_clocks_begin_at_twelve(text: str, hour: int):
    (time,) = read(MONTH_FIRST, f"11/21/2026 {text}")
    assert (time.day, time.hour) == (21, hour)


def test_a_date_alone_is_its_midnight():
    assert read(DAY_FIRST, "21.11.2026") == [datetime(2026, 11, 21, tzinfo=UTC)]


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - written without a zone
    st.sampled_from(
        [
            ("%d.%m.%Y %H:%M:%S,%f", DAY_FIRST),
            ("%d/%m/%Y %I:%M:%S.%f %p", DAY_FIRST),
            ("%m/%d/%Y %I:%M:%S.%f %p", MONTH_FIRST),
            ("%Y/%m/%d %H:%M:%S.%f", LocalTimes("UTC")),
        ]
    ),
)
def test_what_is_written_is_what_is_read(time: datetime, way: tuple[str, LocalTimes]):
    pattern, local = way
    assert read(local, time.strftime(pattern)) == [time.replace(tzinfo=UTC)]


def test_dates_are_in_the_zone_that_is_named():
    berlin = LocalTimes("Europe/Berlin", DateOrder.DAY_FIRST)
    assert read(berlin, "02.11.2026 09:15:00") == [QUARTER_PAST_EIGHT]


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        (("02.11.2026 08:15", "03.11.2026 08:15"), "isn't known$", "--dates day-first --output FOLDER` (or --dates"),
        (("02.11.2026 08:15", "21.11.2026 08:15"), "by other rows it is day-first", "--dates day-first --output"),
        (("11/02/2026 8:15", "11/21/2026 8:15"), "by other rows it is month-first", "--dates month-first --output"),
        (("21.21.2026 08:15",), "isn't known$", "--dates"),
    ],
    ids=["either", "day", "month", "neither"],
)
def test_the_order_of_day_and_month_is_never_guessed(text: tuple[str, ...], said: str, hint: str):
    with pytest.raises(RecordingError, match=rf"a\.csv: row 2: timestamp is .*{said}") as raised:
        times_us(cells(*text), LocalTimes("UTC"))
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("text", "local", "row"),
    [
        (("11/02/2026 8:15", "21/11/2026 8:15"), MONTH_FIRST, 3),
        (("02.11.2026 08:15", "31.11.2026 08:15"), DAY_FIRST, 3),
        (("02.11.2026 08:15", "02.11.26 08:15"), DAY_FIRST, 3),
        (("11/02/2026 13:15 PM",), MONTH_FIRST, 2),
        (("02.11.2026 24:00",), DAY_FIRST, 2),
    ],
    ids=["other order", "no such day", "short year", "no such hour", "24 o'clock"],
)
def test_what_the_order_does_not_fit_is_named_by_row(text: tuple[str, ...], local: LocalTimes, row: int):
    with pytest.raises(RecordingError, match=f"row {row}: .*isn't a time, {local.dates} as --dates says"):
        times_us(cells(*text), local)


def test_dates_without_a_zone_are_refused_as_well():
    with pytest.raises(RecordingError, match=r"row 2: .*names no zone") as raised:
        times_us(cells("02.11.2026 08:15"), LocalTimes(None, DateOrder.DAY_FIRST))
    assert "--timezone" in raised.value.hint
