"""The windows that protocols train and test on."""

from collections.abc import Sequence

import numpy as np

from edge_runtime.machine import Machine
from edge_runtime.recording import Recording
from training.config import TrainingConfig
from training.cross_fit import TrainingWindows
from training.dataset import IN_THIS_PROCESS, build_examples, labelled_windows
from training.graph_making import GraphMaking
from training.protocol_kinds import Control
from training.splits import find_protocol, picked_by


def evaluation_windows(
    machine: Machine,
    recording: Recording,
    config: TrainingConfig,
    names: Sequence[str],
    seed: int,
    making: GraphMaking = IN_THIS_PROCESS,
) -> TrainingWindows:
    """The recording's stable windows, and of the others those that a control among the protocols asks for.

    Raises:
        TrainingError: the labels don't fit the machine or the training file.
    """
    windows = labelled_windows(machine, recording, stable_only=False)
    used = np.array([item.label.stable for item in windows.items])
    for name in names:
        protocol = find_protocol(config, name)
        if isinstance(protocol, Control):
            used[picked_by(name, protocol, windows)] = True
    windows = windows.select(np.flatnonzero(used))
    examples = build_examples(
        windows,
        sensor_drop=config.fit.sensor_drop,
        sensor_faults=config.fit.sensor_faults,
        seed=seed,
        augment=config.augment,
        making=making,
    )
    return TrainingWindows(windows, examples, windows.groups(config.group_by))
