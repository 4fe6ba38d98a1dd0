"""The breaker before the database."""

import pytest

from cloud_sync.cloud.store.breaker import Breaker, BreakerState
from edge_runtime.errors import DatabaseError


def test_it_is_open_until_the_first_probe_succeeds() -> None:
    breaker = Breaker("not connected yet", "look")

    with pytest.raises(DatabaseError, match="not connected yet") as refused:
        breaker.guard()
    assert refused.value.hint == "look"
    assert breaker.succeeded()
    breaker.guard()


def test_a_failed_probe_opens_it_once_and_the_next_success_closes_it() -> None:
    breaker = Breaker("", "")
    breaker.succeeded()

    assert [breaker.failed("gone"), breaker.failed("still gone")] == [True, False]
    with pytest.raises(DatabaseError, match="still gone"):
        breaker.guard()
    assert [breaker.succeeded(), breaker.succeeded()] == [True, False]
    breaker.guard()


def test_half_open_nobody_passes_and_closed_a_probe_is_no_reason_to_hold_anybody_up() -> None:
    breaker = Breaker("gone", "")

    breaker.probing()
    assert breaker.state is BreakerState.HALF_OPEN
    with pytest.raises(DatabaseError):
        breaker.guard()
    breaker.succeeded()
    breaker.probing()
    breaker.guard()
    assert [state.openness for state in BreakerState] == [0, 0.5, 1]
