"""Which records have a time that can't be right."""

import msgspec
import pytest

from cloud_sync.box_time import BoxTime
from cloud_sync.cloud.store.misdated import Clock, set_apart
from cloud_sync.cloud.store.rows import rows_of
from cloud_sync.wire import Batch, ReadingRange
from tests.servers.batches import MINUTE_US, START_US, make_batch, window

HOUR_US = 60 * MINUTE_US
YEAR_US = 365 * 24 * HOUR_US
NOW_US = START_US + 30 * MINUTE_US


@pytest.mark.parametrize(
    ("box", "corrected", "time_us", "fault"),
    [
        pytest.param(None, [], NOW_US, "", id="now"),
        pytest.param(None, [], NOW_US - YEAR_US, "", id="a long outage"),
        pytest.param(None, [], NOW_US + HOUR_US, "", id="within the tolerance"),
        pytest.param(None, [], NOW_US + HOUR_US + 1, "ahead", id="ahead, from a box that doesn't say its time"),
        pytest.param(BoxTime(NOW_US, 0, "synced"), [], NOW_US - YEAR_US, "", id="backlog of a box with the right time"),
        pytest.param(BoxTime(NOW_US - HOUR_US, 0, "synced"), [], NOW_US - HOUR_US, "", id="an hour behind"),
        pytest.param(BoxTime(5 * HOUR_US, 2 * HOUR_US, "suspect"), [], 4 * HOUR_US, "behind", id="since it woke"),
        pytest.param(BoxTime(5 * HOUR_US, 2 * HOUR_US, "suspect"), [], 2 * HOUR_US, "", id="before it woke"),
        pytest.param(BoxTime(5 * HOUR_US, 2 * HOUR_US, "suspect"), [], NOW_US, "", id="before the clock was put back"),
        pytest.param(None, [(HOUR_US, 3 * HOUR_US)], 2 * HOUR_US, "behind", id="until it was put forward"),
        pytest.param(None, [(HOUR_US, 3 * HOUR_US)], 3 * HOUR_US + 1, "", id="after that"),
    ],
)
def test_a_time(box: BoxTime | None, corrected: list[tuple[int, int]], time_us: int, fault: str) -> None:
    assert Clock.of(NOW_US, HOUR_US, box, corrected).fault(time_us) == fault


def test_windows_and_diagnoses_are_set_apart_whole_and_alerts_marked() -> None:
    batch = make_batch("rig", 0, windows=3)
    until_us = START_US + 2 * MINUTE_US
    rows, misdated = set_apart(batch, rows_of(batch, "rig"), Clock(NOW_US, HOUR_US, behind=((START_US, until_us),)))

    assert [len(part) for part in (rows.windows, rows.diagnoses, rows.components)] == [3, 1, 2]
    assert sorted(row.kind for row in misdated) == ["diagnosis"] * 2 + ["window"] * 2
    assert len({row.sha256 for row in misdated}) == 4
    assert [row.misdated for row in rows.alerts] == [True]
    assert (rows.gaps, rows.clock_steps) == (rows_of(batch, "rig").gaps, rows_of(batch, "rig").clock_steps)


def test_two_windows_that_begin_at_the_same_wrong_moment_are_both_kept() -> None:
    """A clock that starts anew with every boot repeats itself; their readings differ."""
    first, second = (
        msgspec.structs.replace(window("rig", START_US), readings=(ReadingRange(boot, 0, 59),))
        for boot in ("b-1", "b-2")
    )
    batch = Batch("b-2", 0, windows=(first, second))

    rows, misdated = set_apart(batch, rows_of(batch, "rig"), Clock(START_US - YEAR_US, HOUR_US))

    assert (rows.windows, rows.readings) == ([], [])
    assert sorted(row.boots for row in misdated) == [["b-1"], ["b-2"]]


def test_nothing_moves_while_the_clock_is_right() -> None:
    batch = make_batch("rig", 0)
    rows = rows_of(batch, "rig")
    assert set_apart(batch, rows, Clock(NOW_US, HOUR_US)) == (rows, [])
