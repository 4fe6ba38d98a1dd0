import numpy as np
import pytest

from edge_runtime.errors import TrainingError
from training.folds import Fold, group_folds, hold_back

GROUPS = np.repeat(np.arange(6), 5)


@pytest.mark.parametrize("folds", [None, 2, 3])
def test_no_group_is_on_both_sides_and_every_window_is_tested_once(folds: int | None):
    found = group_folds(GROUPS, folds)
    assert len(found) == (folds or 6)
    assert sorted(np.concatenate([fold.test for fold in found])) == list(range(30))
    for fold in found:
        assert not set(GROUPS[fold.training]) & set(GROUPS[fold.test])
        assert len(fold.training) + len(fold.test) == 30


def test_what_is_held_back_are_whole_groups_of_the_training_side():
    fold = group_folds(GROUPS, 3)[0]
    inner = hold_back(fold, GROUPS, 0.25, seed=0)
    assert not set(GROUPS[inner.training]) & set(GROUPS[inner.test])
    assert sorted([*inner.training, *inner.test]) == sorted(fold.training)
    assert len(inner.test)


def test_too_few_groups_are_refused():
    with pytest.raises(TrainingError, match="the windows make 1 group, 2 are needed"):
        group_folds(np.zeros(10, np.int64), None)
    with pytest.raises(TrainingError, match="the windows make 6 groups, 7 are needed"):
        group_folds(GROUPS, 7)
    with pytest.raises(TrainingError, match="all of one group"):
        hold_back(Fold(np.arange(5), np.arange(5, 30)), GROUPS, 0.2, seed=0)
