from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.novelty import ENTRIES, FAR, PARTS, Novelty, TrainedRegion, fingerprints
from edge_runtime.window import ChannelWindow
from tests.models.tiny_bundle import tiny_machine, window_of

SENSORS = ("PS1", "FS1")


def region(correlation: float = 0.0, limit: float = 1.0) -> TrainedRegion:
    """Two signals around 100 bar and 5 l/min, whose means vary by 10 bar and 1 l/min, together as far as stated."""
    covariance = np.eye(2 * ENTRIES)
    together = np.arange(PARTS)
    covariance[together, ENTRIES + together] = covariance[ENTRIES + together, together] = correlation
    return TrainedRegion(
        sensors=SENSORS,
        low=np.array([[80.0, 0.0], [3.0, 0.0]]),
        high=np.array([[120.0, 4.0], [7.0, 1.0]]),
        centre=np.r_[np.full(PARTS, 100.0), 2.0, np.full(PARTS, 5.0), 0.5],
        scale=np.repeat([10.0, 1.0], ENTRIES),
        precision=np.linalg.inv(covariance),
        margin=0.1,
        limit=limit,
    )


def shown(pressure: float, flow: float, pressure_spread: float = 2.0) -> dict[str, np.ndarray]:
    """Fingerprints of two signals that stand at these means."""
    return {"PS1": np.r_[np.full(PARTS, pressure), pressure_spread], "FS1": np.r_[np.full(PARTS, flow), 0.5]}


def judge(pressure: float, flow: float, *, spread: float = 2.0, limit: float = 1e9) -> Novelty:
    return region(limit=limit).novelty(tiny_machine(), shown(pressure, flow, spread))


def test_within_the_ranges_nothing_is_new():
    found = judge(119.0, 3.1)
    assert (found.outside, found.words) == (False, "")
    assert found.amount < 1e-6


def test_a_signal_beyond_its_range_is_named_with_the_range():
    """128 bar is 8 beyond a range 40 wide: a fifth of it, which is twice the margin."""
    found = judge(128.0, 5.0)
    assert found.amount == pytest.approx(2.0)
    assert found.outside
    assert not found.far
    assert found.words == "PS1 128 bar, trained on 80–120 bar"


def test_a_signal_as_far_outside_as_its_range_is_wide_is_beyond_all_reach():
    assert judge(40.0, 5.0).amount == pytest.approx(FAR)
    assert judge(40.0, 5.0).far


def test_a_signal_that_varies_more_than_ever_is_new():
    assert judge(100.0, 5.0, spread=6.0).words == "PS1 varies by 6 bar, trained on 0–4 bar"


def test_two_signals_within_their_ranges_that_never_went_so_together_are_new():
    """Pressure and flow rose together; here one is a deviation above and the other a deviation below."""
    together = region(correlation=0.9, limit=2.0)
    machine = tiny_machine()
    assert not together.novelty(machine, shown(108.0, 5.8)).outside
    found = together.novelty(machine, shown(108.0, 4.2))
    assert found.outside
    assert "would go with its other signals" in found.words


def test_the_signal_that_goes_with_the_others_least_is_named_with_what_would():
    found = region(correlation=0.9, limit=2.0).novelty(tiny_machine(), shown(100.1, 6.9))
    assert found.words == "FS1 6.9 l/min in tenth 1 of the window, where 5.009 l/min would go with its other signals"


def test_a_missing_signal_says_nothing_and_the_others_are_judged_without_it():
    """The distance of what is known is that of its own covariance, whatever it goes together with."""
    alone = {"PS1": shown(115.0, 5.0)["PS1"]}
    free, bound = (region(correlation).novelty(tiny_machine(), alone).amount for correlation in (0.0, 0.9))
    assert free == pytest.approx(bound)
    assert region().novelty(tiny_machine(), {}) == Novelty(0.0)


@given(st.floats(0, 100), st.floats(0.3, 1), st.integers(2, 4))
def test_confidence_only_falls_and_ends_at_a_blind_guess(amount: float, confidence: float, levels: int):
    left = Novelty(amount).discounted(confidence, levels)
    assert min(confidence, 1 / levels) - 1e-9 <= left <= max(confidence, 1 / levels) + 1e-9
    if amount <= 1:
        assert left == confidence
    if amount >= FAR:
        assert left == pytest.approx(1 / levels)


def test_a_fingerprint_is_the_means_of_tenths_and_the_spread_of_the_window():
    window = window_of(tiny_machine())
    ramp = replace(window, channels=(ChannelWindow("PS1", 1_000_000, np.arange(60, dtype=np.float32)),))
    found = fingerprints(ramp)["PS1"]
    assert found[:PARTS] == pytest.approx(np.arange(10) * 6 + 2.5)
    assert found[PARTS] == pytest.approx(np.arange(60).std())


def test_a_gap_leaves_the_parts_that_are_there():
    values = np.ones(60, np.float32)
    values[:9] = np.nan
    window = replace(window_of(tiny_machine()), channels=(ChannelWindow("PS1", 1_000_000, values),))
    found = fingerprints(window)["PS1"]
    assert np.isnan(found).tolist() == [True] + [False] * 9 + [True]


def test_a_silent_channel_has_no_fingerprint():
    silent = ChannelWindow("PS1", 1_000_000, np.empty(0, np.float32))
    assert np.isnan(fingerprints(replace(window_of(tiny_machine()), channels=(silent,)))["PS1"]).all()
