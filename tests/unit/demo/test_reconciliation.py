"""The demo's claim "0 missing, 0 twice" is only worth something if the comparison can fail."""

import numpy as np
import pytest

from demo.reconciliation import Count, StoredChannel, compare_messages, compare_readings
from edge_runtime.reading import Series

MINUTE = 60_000_000
SECOND = 1_000_000


def sent() -> dict[str, Series]:
    times = np.arange(0, 2 * MINUTE, SECOND)
    return {"PS1": Series.ordered(times, 150 + np.arange(120) / 10)}


def rows(series: Series) -> list[StoredChannel]:
    return [
        StoredChannel("PS1", start, SECOND, series.between(start, start + MINUTE).values.astype(np.float32))
        for start in (0, MINUTE)
    ]


def test_everything_there_once_is_perfect():
    count = compare_readings(sent(), rows(sent()["PS1"]), [0, MINUTE])
    assert count == Count("readings", 120, 120, 0, 0, 0)
    assert count.perfect


def test_a_window_that_is_not_there_is_missing():
    count = compare_readings(sent(), rows(sent()["PS1"])[1:], [0, MINUTE])
    assert (count.arrived, count.missing) == (60, 60)
    assert not count.perfect


def test_a_gap_is_missing():
    stored = rows(sent()["PS1"])
    stored[0].samples[7] = np.nan
    assert compare_readings(sent(), stored, [0, MINUTE]).missing == 1


def test_a_shorter_row_is_missing_its_end():
    stored = rows(sent()["PS1"])
    stored[1] = StoredChannel("PS1", MINUTE, SECOND, stored[1].samples[:50])
    assert compare_readings(sent(), stored, [0, MINUTE]).missing == 10


def test_a_row_that_is_there_twice_is_counted():
    stored = rows(sent()["PS1"])
    assert compare_readings(sent(), [*stored, stored[0]], [0, MINUTE]).twice == 1


@pytest.mark.parametrize(("change", "missing"), [(0.004, 0), (0.02, 1)])
def test_values_may_differ_by_what_the_registers_round(change: float, missing: int):
    stored = rows(sent()["PS1"])
    stored[0].samples[3] += np.float32(change)
    assert compare_readings(sent(), stored, [0, MINUTE]).missing == missing


def test_messages_are_compared_by_key_and_content():
    count = compare_messages("alerts", {1: "a", 2: "b", 3: "c", 4: None}, [(1, "a"), (2, "x"), (4, "d"), (4, "d")])
    assert count == Count("alerts", sent=4, arrived=3, missing=1, twice=1, altered=1)


def test_a_message_that_nobody_sent_is_altered():
    assert compare_messages("alerts", {1: "a"}, [(1, "a"), (9, "z")]).altered == 1


def test_nothing_sent_is_not_perfect():
    assert not compare_messages("alerts", {}, []).perfect
