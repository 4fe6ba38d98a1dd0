"""Which windows may be learned from to test which. Groups are never split."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, LeaveOneGroupOut

from edge_runtime.errors import TrainingError
from edge_runtime.graph import Int64Array


@dataclass(frozen=True, slots=True)
class Fold:
    """Window numbers to train on and to test on."""

    training: Int64Array
    test: Int64Array


def group_folds(groups: Int64Array, folds: int | None) -> tuple[Fold, ...]:
    """Folds that test each group once.

    Args:
        groups: int64 [windows], group number.
        folds: how many; None leaves out one group at a time.

    Raises:
        TrainingError: there are fewer groups than folds, or only one.
    """
    count = len(np.unique(groups))
    if count < (folds or 2):
        raise TrainingError(
            f"the windows make {count} group{'s' * (count != 1)}, {folds or 2} are needed to split them",
            hint="Use a recording with more labelled states, or group by other columns (group_by, hold_out).",
        )
    splitter = GroupKFold(folds, shuffle=True, random_state=0) if folds else LeaveOneGroupOut()
    return tuple(Fold(training, test) for training, test in splitter.split(groups, groups=groups))


def hold_back(fold: Fold, groups: Int64Array, share: float, seed: int) -> Fold:
    """Split a fold's training windows by group: what is left to train on, and a share to validate on.

    The validation part comes back as the `test` of the fold returned. With a single training group there is nothing
    to hold back by group, and it is refused as `group_folds` refuses it.
    """
    own = groups[fold.training]
    if len(np.unique(own)) < 2:
        raise TrainingError(
            "the training windows are all of one group, so none can be held back to validate on",
            hint="Group by columns with more values (group_by in the training file).",
        )
    splitter = GroupShuffleSplit(1, test_size=share, random_state=seed)
    training, validation = next(splitter.split(own, groups=own))
    return Fold(fold.training[training], fold.training[validation])
