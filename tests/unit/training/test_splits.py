"""No protocol learns from what it tests."""

from collections.abc import Callable

import numpy as np
import pytest

from training.config import TrainingConfig
from training.cross_fit import TrainingWindows
from training.protocol_kinds import Control, ExpectedShare, HoldOut, RandomSplit, SensorDropout, WithoutSensors
from training.splits import Split, split_windows

SplitOf = Callable[[str], Split]


@pytest.fixture(scope="module")
def split_of(small: TrainingWindows, small_config: TrainingConfig) -> SplitOf:
    """The folds of a protocol by its name."""
    protocols = {
        "blocks": HoldOut(hold_out=("block",), folds=3),
        "campaign": HoldOut(hold_out=("campaign",)),
        "random": RandomSplit(folds=4),
        "dropout": SensorDropout(split="blocks", most_lost={1: 0.1, 2: 0.2}),
        "without-flow": WithoutSensors(split="blocks", sensors=("Q1",)),
        "control": Control(
            column="cycle", ranges=((1, 3), (6, 8)), conditions=("valve",), shares=(ExpectedShare(labels=(0,)),)
        ),
    }
    config = small_config.model_copy(update={"protocols": protocols})
    return lambda name: split_windows(name, config, small.windows, seed=0)


@pytest.mark.parametrize("name", ["blocks", "campaign", "random", "dropout", "without-flow", "control"])
def test_no_window_is_learned_from_that_is_tested(split_of: SplitOf, name: str):
    for fold in split_of(name).folds:
        assert len(fold.training)
        assert len(fold.test)
        assert not np.intersect1d(fold.training, fold.test).size


@pytest.mark.parametrize("name", ["blocks", "campaign", "dropout", "without-flow"])
def test_no_group_is_learned_from_that_is_tested(split_of: SplitOf, small: TrainingWindows, name: str):
    split = split_of(name)
    for fold in split.folds:
        assert not np.intersect1d(split.groups[fold.training], split.groups[fold.test]).size
    tested = np.sort(np.concatenate([fold.test for fold in split.folds]))
    stable = np.flatnonzero([item.label.stable for item in small.windows.items])
    np.testing.assert_array_equal(tested, stable)


def test_a_control_tests_what_its_ranges_name_and_learns_from_all_other_stable_windows(
    split_of: SplitOf, small: TrainingWindows
):
    (fold,) = split_of("control").folds
    cycle = np.array([item.label.values["cycle"] for item in small.windows.items])
    named = ((cycle >= 1) & (cycle <= 3)) | ((cycle >= 6) & (cycle <= 8))
    stable = np.array([item.label.stable for item in small.windows.items])
    np.testing.assert_array_equal(fold.test, np.flatnonzero(named))
    np.testing.assert_array_equal(fold.training, np.flatnonzero(stable & ~named))


def test_protocols_that_only_change_the_test_share_the_folds_they_name(split_of: SplitOf):
    blocks, dropout, without = split_of("blocks"), split_of("dropout"), split_of("without-flow")
    assert (dropout.name, dropout.missing) == ("blocks", (1, 2))
    assert (without.name, without.silent) == ("without-flow", ("Q1",))
    for one, other in zip(blocks.folds, without.folds, strict=True):
        np.testing.assert_array_equal(one.test, other.test)
