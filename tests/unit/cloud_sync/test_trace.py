"""Trace ids as the W3C has them: what is valid is taken over, everything else gets a new one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.trace import batch_trace_id, trace_id_of, traceparent

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "header", [f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00", f"cc-{TRACE}-{PARENT}-01-more"]
)
def test_a_valid_header_s_trace_goes_on(header: str) -> None:
    assert trace_id_of(header) == TRACE


@pytest.mark.parametrize(
    "header",
    [
        None, "", f"ff-{TRACE}-{PARENT}-01", f"00-{TRACE.upper()}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{PARENT}-01-more", f"00-{TRACE[1:]}-{PARENT}-01",
        f" 00-{TRACE}-{PARENT}-01",
    ],
)  # fmt: skip
def test_any_other_gets_a_new_one(header: str | None) -> None:
    assert re.fullmatch("[0-9a-f]{32}", trace_id_of(header))
    assert trace_id_of(header) != TRACE


@given(st.text())
def test_nothing_breaks_it(header: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", trace_id_of(header))


def test_every_try_of_a_batch_is_another_span_of_one_trace() -> None:
    first, second = (traceparent(batch_trace_id("boot", 7)) for _ in range(2))
    assert first != second
    assert trace_id_of(first) == trace_id_of(second) == batch_trace_id("boot", 7)
    assert batch_trace_id("boot", 8) != batch_trace_id("boot", 7)
