from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.utc import microseconds, utc_datetime


@given(st.integers(-(10**16), 2 * 10**17))
def test_no_microsecond_is_lost(time_us):
    assert microseconds(utc_datetime(time_us)) == time_us


def test_other_zones_are_the_same_moment():
    there = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert utc_datetime(microseconds(there)) == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_time_without_a_zone_is_no_moment():
    with pytest.raises(TypeError):
        microseconds(datetime(2026, 1, 1))  # noqa: DTZ001
