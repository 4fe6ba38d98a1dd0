"""Who draws on which budget."""

import pytest

from cloud_sync.cloud.load.budgets import Budget, caller_of, stranger_at


@pytest.mark.parametrize(
    ("path", "authorization", "budget"),
    [
        ("/api/v1/ingest", "Bearer hsa_1_x", Budget.BOXES),
        ("/api/v1/machines", "Bearer hso_1_x", Budget.OPERATORS),
        ("/api/v1/inference", "bearer hso_1_x", Budget.INFERENCE),
        ("/api/v1/batch-inference", "Bearer hso_1_x", Budget.INFERENCE),
    ],
)
def test_a_credential_draws_on_the_budget_of_its_kind(path: str, authorization: str, budget: Budget) -> None:
    caller = caller_of(path, authorization)

    assert caller is not None
    assert caller.budget is budget


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic hsa_1_x", "Bearer hse_1_x", "Bearer nonsense"])
def test_what_cannot_be_a_credential_is_a_stranger_s(authorization: str | None) -> None:
    assert caller_of("/api/v1/ingest", authorization) is None


def test_the_id_alone_does_not_draw_on_the_budget_of_its_box() -> None:
    assert caller_of("/", "Bearer hsa_1_right") != caller_of("/", "Bearer hsa_1_guess")


def test_no_key_holds_the_credential() -> None:
    caller = caller_of("/", "Bearer hsa_1_hunter2")

    assert caller is not None
    assert "hunter2" not in caller.key


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        (None, "", True),
    ],
)
def test_an_ipv6_site_counts_as_one_stranger(one: str | None, other: str | None, same: bool) -> None:
    assert (stranger_at(one) == stranger_at(other)) is same
