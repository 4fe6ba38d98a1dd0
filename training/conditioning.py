"""Windows beside the machine's own healthy baseline, learned in training as on a box: from healthy windows alone.

In a fold only its training windows teach, so a test window has no part in what it is compared with. On a real new
machine it is otherwise: the first thing that happens there is that its healthy state is learned. `commissioned` stands
for that, and is another protocol: it uses windows of the installation under test, unlabelled but taken for healthy, and
what it used can't be tested on.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from edge_runtime.baseline.deviation import Comparison, compare, deviation_input
from edge_runtime.baseline.document import BaselineSource, MachineBaseline
from edge_runtime.baseline.fit import fit_baseline
from edge_runtime.baseline.profile import STATISTICS, WindowProfile, profile
from edge_runtime.errors import TrainingError
from edge_runtime.graph import GraphSample, Int64Array
from edge_runtime.sensor_check import check_sensors
from edge_runtime.vocabulary import CANONICAL_CHANNELS, Port
from training.dataset import Example, LabelledWindows

Float64Array = npt.NDArray[np.float64]

_UNDATED = datetime(1970, 1, 1, tzinfo=UTC)  # a baseline of training is never stored


def healthy_windows(windows: LabelledWindows, *, but: Sequence[str] = ()) -> Int64Array:
    """Numbers of the windows in which no label says that a condition is worse than healthy.

    Args:
        windows: all of them.
        but: conditions that may be at any level, such as one that is the same throughout an installation.
    """
    levels = [windows.levels(item.name) for item in windows.machine.conditions if item.name not in but]
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
    profiles = window_profiles(windows)
    baseline = _baseline(windows, [profiles[index] for index in teachers])
    return _beside(windows, examples, profiles, [baseline] * len(windows))


def commissioned(
    windows: LabelledWindows, examples: Sequence[Example], installation: Int64Array, teachers: Int64Array
) -> tuple[Example, ...]:
    """All examples, each with its deviation from the baseline of its own installation.

    Args:
        windows: all of them.
        examples: one for each window.
        installation: int64 [windows], number of the installation that a window is from, such as its campaign.
        teachers: int64, numbers of the windows of each installation's commissioning. Don't test on them.

    Raises:
        TrainingError: an installation has none.
    """
    profiles = window_profiles(windows)
    baselines = {}
    for number in np.unique(installation):
        own = [profiles[index] for index in teachers if installation[index] == number]
        if not own:
            raise TrainingError(
                f"installation {number} has no window to commission it by",
                hint="Hold out by columns whose groups each begin in good order.",
            )
        baselines[number] = _baseline(windows, own)
    return _beside(windows, examples, profiles, [baselines[number] for number in installation])


def sensor_deviations(windows: LabelledWindows, examples: Sequence[Example]) -> Float64Array:
    """Deviations of each sensor at its own place, float64 [windows, sensors · 21]; what is masked is 0."""
    places = [
        (windows.machine.component_index[sensor.component], CANONICAL_CHANNELS.index(sensor.port))
        for sensor in windows.machine.sensors
        if sensor.port is not Port.COMPUTED
    ]
    node, channel = np.array(places).T
    deviation = np.stack([example.sample.deviation for example in examples]).astype(np.float64)
    by_channel = deviation.reshape(*deviation.shape[:2], len(CANONICAL_CHANNELS), STATISTICS)
    return by_channel[:, node, channel].reshape(len(examples), -1)


def window_profiles(windows: LabelledWindows) -> tuple[WindowProfile, ...]:
    """Of every window, its stuck sensors left out as on a box."""
    return tuple(profile(check_sensors(windows.machine, item.window)[0]) for item in windows.items)


def _baseline(windows: LabelledWindows, profiles: Sequence[WindowProfile]) -> MachineBaseline:
    return fit_baseline(windows.machine, profiles, created=_UNDATED, source=BaselineSource.TRAINING)


def _beside(
    windows: LabelledWindows,
    examples: Sequence[Example],
    profiles: Sequence[WindowProfile],
    baselines: Sequence[MachineBaseline],
) -> tuple[Example, ...]:
    return tuple(
        replace(example, sample=_with_deviation(windows, example.sample, compare(windows.machine, baseline, item)))
        for example, item, baseline in zip(examples, profiles, baselines, strict=True)
    )


def _with_deviation(windows: LabelledWindows, sample: GraphSample, beside: Comparison | None) -> GraphSample:
    deviation, mask = deviation_input(windows.machine, beside)
    return replace(sample, deviation=deviation, deviation_mask=mask)
