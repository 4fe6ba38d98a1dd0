"""Two versions side by side: machines are what is counted, and too few of them say nothing."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.cloud.rollout.comparison import MachineFigures, compared, verdict

ONE = MachineFigures(
    version="1.3.0",
    machine="press-0",
    windows=100,
    days=1.0,
    judgements=400,
    abstained=40,
    confidence=288.0,
    alerts=1,
    labelled=0,
    agreed=0,
)


def machines(count: int, version: str = "1.3.0", **changes: object) -> list[MachineFigures]:
    return [replace(ONE, version=version, machine=f"{version} {k}", **changes) for k in range(count)]


def test_the_figures_of_a_version_are_over_all_its_machines() -> None:
    (one,) = compared([ONE, replace(ONE, machine="press-1", judgements=100, abstained=60, confidence=20.0, alerts=4)])

    assert (one.machines, one.windows) == (2, 200)
    assert one.abstention.value == pytest.approx(0.2)
    assert one.confidence.value == pytest.approx(308 / 400)
    assert one.alerts_per_day.value == pytest.approx(2.5)
    assert (one.agreement.value, one.agreement.machines) == (None, 0)
    assert one.abstention.low is None


def test_the_interval_is_cochran_s() -> None:
    """By hand: shares 0.1, 0.2, 0.3, 0.4, 0.5 of ten each, s/sqrt(5) = 0.0707, t(4) = 2.776."""
    (one,) = compared([replace(ONE, machine=str(k), judgements=10, abstained=k) for k in range(1, 6)])

    assert one.abstention.value == pytest.approx(0.3)
    assert one.abstention.low == pytest.approx(0.3 - 2.776 * 0.0707, abs=2e-3)
    assert one.abstention.high == pytest.approx(0.3 + 2.776 * 0.0707, abs=2e-3)


def test_the_interval_holds_the_true_share_as_often_as_it_says() -> None:
    """Machines that differ among themselves, a hundred alike windows each: counting windows would hold it far less."""
    draw = random.Random(7)
    held = 0
    for _ in range(400):
        shares = [draw.betavariate(2, 8) for _ in range(12)]
        fleet = [replace(ONE, machine=str(k), judgements=100, abstained=round(100 * p)) for k, p in enumerate(shares)]
        (one,) = compared(fleet)
        assert one.abstention.low is not None
        assert one.abstention.high is not None
        held += one.abstention.low <= 0.2 <= one.abstention.high
    assert 0.89 <= held / 400 <= 0.98


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(1, 50), st.integers(0, 20), st.floats(0.01, 30)),
        min_size=1,
        max_size=20,
    )
)
def test_figures_stay_in_their_range(drawn: list[tuple[int, int, int, float]]) -> None:
    fleet = [
        replace(ONE, machine=str(k), judgements=a + j, abstained=a, confidence=0.5 * j, alerts=n, days=d,
                labelled=j, agreed=min(a, j))
        for k, (a, j, n, d) in enumerate(drawn)
    ]  # fmt: skip
    (one,) = compared(fleet)
    for figure, most in ((one.abstention, 1), (one.confidence, 1), (one.agreement, 1), (one.alerts_per_day, math.inf)):
        assert figure.value is not None
        assert 0 <= figure.value <= most
        if figure.low is not None:
            assert figure.high is not None
            assert 0 <= figure.low <= figure.value <= figure.high <= most


def test_versions_come_in_their_order_not_in_the_alphabet_s() -> None:
    fleet = [*machines(1, "1.10.0"), *machines(1, "1.9.0")]
    assert [one.version for one in compared(fleet)] == ["1.9.0", "1.10.0"]


def spread_out(version: str, share: float) -> list[MachineFigures]:
    return [replace(one, abstained=round(400 * share) + 4 * (k % 3 - 1)) for k, one in enumerate(machines(9, version))]


def test_what_can_be_told_is_told_and_what_cannot_is_not() -> None:
    few = compared([*machines(4, "1.3.0"), *spread_out("1.4.0", 0.1)])
    assert verdict("abstention", few[1], few[0]) == "can't be told: 4 machines of 1.3.0, 5 are needed"
    assert verdict("agreement", few[1], few[0]).startswith("can't be told: 0 machines of 1.4.0")

    same = compared([*machines(9, "1.3.0"), *spread_out("1.4.0", 0.1)])
    assert verdict("abstention", same[1], same[0]) == "can't be told: all machines of 1.3.0 say the same"

    apart = compared([*spread_out("1.3.0", 0.3), *spread_out("1.4.0", 0.1)])
    assert verdict("abstention", apart[1], apart[0]) == "lower with 1.4.0"
    assert verdict("abstention", apart[0], apart[1]) == "higher with 1.3.0"

    alike = compared([*spread_out("1.3.0", 0.1), *spread_out("1.4.0", 0.101)])
    assert verdict("abstention", alike[1], alike[0]) == "no difference shown"


def test_a_version_that_is_none_is_compared_all_the_same() -> None:
    versions = [version for name in ("1.10.0", "1.9.0", "none", "") for version in machines(1, name)]

    assert [one.version for one in compared(versions)] == ["", "none", "1.9.0", "1.10.0"]
