"""What a box says of its time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.box_time import BoxTime


@given(st.integers(0, 10**18 - 1), st.integers(0, 10**18 - 1), st.sampled_from(["synced", "bounded", "suspect"]))
def test_it_arrives_as_it_was_said(now_us: int, since_us: int, state: str) -> None:
    said = BoxTime(now_us, since_us, state)
    assert BoxTime.read(said.header()) == said


@pytest.mark.parametrize(
    "header", [None, "", "now=1", "now=-1; since=0; state=synced", "now=٣; since=0; state=a", "x" * 9999]
)
def test_what_is_in_no_form_that_is_known_says_nothing(header: str | None) -> None:
    assert BoxTime.read(header) is None
