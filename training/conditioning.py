"""Windows beside the machine's own healthy baseline, learned in training as on a box: from healthy windows alone.

In a fold only its training windows teach, so a test window has no part in what it is compared with.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from edge_runtime.baseline.deviation import Comparison, compare, deviation_input
from edge_runtime.baseline.document import BaselineSource
from edge_runtime.baseline.fit import fit_baseline
from edge_runtime.baseline.profile import WindowProfile, profile
from edge_runtime.graph import GraphSample, Int64Array
from edge_runtime.sensor_check import check_sensors
from training.dataset import Example, LabelledWindows

_UNDATED = datetime(1970, 1, 1, tzinfo=UTC)  # a baseline of training is never stored


def healthy_windows(windows: LabelledWindows) -> Int64Array:
    """Numbers of the windows in which no label says that a condition is worse than healthy.

    A condition that isn't labelled counts as healthy: what nobody found fault with mostly has no label.
    """
    levels = [windows.levels(item.name) for item in windows.machine.conditions]
    return np.flatnonzero(np.all([level <= 0 for level in levels], axis=0))


def conditioned(windows: LabelledWindows, examples: Sequence[Example], training: Int64Array) -> tuple[Example, ...]:
    """All examples, with their deviation from the baseline of the healthy windows among a fold's training windows.

    Degraded copies stay without, so that a network learns to do without it as well: a box that wasn't commissioned.
    Where no training window is healthy every example does.

    Args:
        windows: all of them.
        examples: one for each window.
        training: int64, numbers of the fold's training windows; no other has any influence.
    """
    teachers = np.intersect1d(training, healthy_windows(windows))
    if not len(teachers):
        return tuple(replace(item, sample=_with_deviation(windows, item.sample, None)) for item in examples)
    profiles = _profiles(windows)
    taught_by = [profiles[index] for index in teachers]
    baseline = fit_baseline(windows.machine, taught_by, created=_UNDATED, source=BaselineSource.TRAINING)
    return tuple(
        replace(example, sample=_with_deviation(windows, example.sample, compare(windows.machine, baseline, item)))
        for example, item in zip(examples, profiles, strict=True)
    )


def _profiles(windows: LabelledWindows) -> tuple[WindowProfile, ...]:
    """Of every window, its stuck sensors left out as on a box."""
    return tuple(profile(check_sensors(windows.machine, item.window)[0]) for item in windows.items)


def _with_deviation(windows: LabelledWindows, sample: GraphSample, beside: Comparison | None) -> GraphSample:
    deviation, mask = deviation_input(windows.machine, beside)
    return replace(sample, deviation=deviation, deviation_mask=mask)
