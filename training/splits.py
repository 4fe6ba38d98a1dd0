"""From a protocol of the training file to folds of windows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold

from edge_runtime.errors import TrainingError
from edge_runtime.graph import Int64Array
from training.config import TrainingConfig
from training.dataset import LabelledWindows
from training.folds import Fold, group_folds
from training.protocol_kinds import Control, HoldOut, Protocol, RandomSplit, SensorDropout


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Who is trained on what to be tested on what.

    Attributes:
        name: of the protocol whose folds these are; protocols that share folds share the models.
        folds: which windows may be learned from to test which.
        groups: int64 [windows], what intervals are drawn by.
        silent: sensors that the machine doesn't have, in training and test.
        missing: so many sensors are taken from the tested windows in further tests.
    """

    name: str
    folds: tuple[Fold, ...]
    groups: Int64Array
    silent: tuple[str, ...] = ()
    missing: tuple[int, ...] = ()


def find_protocol(config: TrainingConfig, name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        TrainingError: the training file has none of that name.
    """
    if name not in config.protocols:
        raise TrainingError(
            f"there is no protocol {name!r}; the training file has: {', '.join(config.protocols) or 'none'}",
            hint="Name one of these or `all`, or add it under protocols: in the training file (--config).",
        )
    return config.protocols[name]


def split_windows(name: str, config: TrainingConfig, windows: LabelledWindows, seed: int) -> Split:
    """The folds of a protocol on these windows.

    Args:
        name: of the protocol.
        config: training file.
        windows: what to split.
        seed: of a random split; the others are the same under every seed.

    Raises:
        TrainingError: there is no such protocol, or the windows don't have what it holds out.
    """
    protocol = find_protocol(config, name)
    if isinstance(protocol, RandomSplit):
        rows = _stable(windows)
        folds = KFold(protocol.folds, shuffle=True, random_state=seed).split(rows)
        own = windows.groups(config.group_by)
        return Split(name, tuple(Fold(rows[training], rows[test]) for training, test in folds), own)
    if isinstance(protocol, Control):
        return Split(name, (_control_fold(name, protocol, windows),), windows.groups(config.group_by))
    if isinstance(protocol, HoldOut):
        return _held_out(name, protocol, windows, missing=_missing(config.protocols, name))
    base = find_protocol(config, protocol.split)
    if not isinstance(base, HoldOut):
        raise TrainingError(
            f"protocol {name!r} takes the folds of {protocol.split!r}, which holds out no groups",
            hint="Name a protocol of kind hold-out under split in the training file (--config).",
        )
    if isinstance(protocol, SensorDropout):
        return split_windows(protocol.split, config, windows, seed)
    known = {sensor.name for sensor in windows.machine.sensors}
    if unknown := [sensor for sensor in protocol.sensors if sensor not in known]:
        raise TrainingError(
            f"protocol {name!r} silences {', '.join(unknown)}; machine {windows.machine.name!r} has: "
            f"{', '.join(sorted(known))}",
            hint="Name sensors of the machine under sensors in the training file (--config).",
        )
    return _held_out(name, base, windows, silent=protocol.sensors)


def _held_out(
    name: str,
    protocol: HoldOut,
    windows: LabelledWindows,
    *,
    silent: tuple[str, ...] = (),
    missing: tuple[int, ...] = (),
) -> Split:
    rows, groups = _stable(windows), windows.groups(protocol.hold_out)
    folds = group_folds(groups[rows], protocol.folds)
    return Split(name, tuple(Fold(rows[fold.training], rows[fold.test]) for fold in folds), groups, silent, missing)


def _stable(windows: LabelledWindows) -> Int64Array:
    """Windows that the labels mark as stable; of the others only those that a control asks for are here."""
    return np.flatnonzero([item.label.stable for item in windows.items])


def _missing(protocols: Mapping[str, Protocol], split: str) -> tuple[int, ...]:
    """How many sensors any protocol takes from the windows that this split's models are tested on.

    All of them are tested as soon as a model is fitted, so that a protocol asked for later fits no model again.
    """
    counts = [
        protocol.most_lost
        for protocol in protocols.values()
        if isinstance(protocol, SensorDropout) and protocol.split == split
    ]
    return tuple(sorted({count for each in counts for count in each}))


def picked_by(name: str, protocol: Control, windows: LabelledWindows) -> Int64Array:
    """The windows that a control tests, stable or not.

    Raises:
        TrainingError: the column holds no numbers, or none in the ranges.
    """
    values = [item.label.values.get(protocol.column) for item in windows.items]
    number = np.array([value if isinstance(value, int | float) else np.nan for value in values], np.float64)
    picked = np.flatnonzero(np.any([(low <= number) & (number <= high) for low, high in protocol.ranges], axis=0))
    if not len(picked):
        raise TrainingError(
            f"protocol {name!r} finds no window whose label {protocol.column!r} is in its ranges",
            hint="Mend column or ranges in the training file (--config), or use a recording that has these windows.",
        )
    return picked


def _control_fold(name: str, protocol: Control, windows: LabelledWindows) -> Fold:
    picked = picked_by(name, protocol, windows)
    training = np.setdiff1d(_stable(windows), picked)
    if not len(training):
        raise TrainingError(
            f"protocol {name!r} tests every stable window and leaves none to train on",
            hint="Narrow ranges in the training file (--config).",
        )
    return Fold(training, picked)
