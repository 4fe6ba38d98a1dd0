"""From a recording to graphs with targets: one window a label row, cut from `start` to `end`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import TrainingError
from edge_runtime.graph import Float32Array, GraphSample, Int64Array
from edge_runtime.machine import Condition, Machine
from edge_runtime.recording import LabelRow, Recording
from edge_runtime.vocabulary import FaultMode
from edge_runtime.window import ChannelWindow, Window
from edge_runtime.windowing import cut_window
from training.augmentation import NO_AUGMENTATION, Augmentation, augmented
from training.data_problems import label_problems, refuse_errors, signal_problems
from training.graph_making import GraphMaking, make_graphs
from training.sensor_faults import faulty_channels, with_faulty_sensors

UNLABELLED = -1
IN_THIS_PROCESS = GraphMaking()


@dataclass(frozen=True, slots=True)
class LabelledWindow:
    """A window and what is known of the machine in it."""

    window: Window
    label: LabelRow


@dataclass(frozen=True, slots=True)
class Targets:
    """What a model should say of each node.

    Attributes:
        level: int64 [N], 0 = healthy; −1 where nothing is known.
        fault: float32 [N, 9]; NaN where nothing is known.
    """

    level: Int64Array
    fault: Float32Array


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled window as the network sees it.

    Attributes:
        sample: the window's graph.
        degraded: the graph of the same window with some sensors silent.
        targets: what to learn.
        learned: the degraded copy as training sees it, which may be augmented as well and have faulty sensors.
        faulty: float32 [N, 13], 1 for the channels of `learned` that a faulty sensor reads.
    """

    sample: GraphSample
    degraded: GraphSample
    targets: Targets
    learned: GraphSample
    faulty: Float32Array

    def arrays(self) -> Iterator[npt.NDArray[Any]]:
        """All that anything is learned from."""
        for sample in (self.sample, self.degraded, self.learned):
            yield from (getattr(sample, name) for name in GraphSample.INPUTS)
        yield from (self.targets.level, self.targets.fault, self.faulty)


@dataclass(frozen=True, slots=True)
class LabelledWindows:
    """Windows of one machine with their labels, in order of time."""

    machine: Machine
    items: tuple[LabelledWindow, ...]

    def __len__(self) -> int:
        return len(self.items)

    def select(self, indices: Iterable[int]) -> "LabelledWindows":
        """Some of them."""
        return replace(self, items=tuple(self.items[int(index)] for index in indices))

    def levels(self, condition: str) -> Int64Array:
        """Level of a condition in each window, int64 [windows]; −1 where the row doesn't say."""
        node = self.machine.component_index[_condition(self.machine, condition).component]
        return np.array([targets(self.machine, item.label).level[node] for item in self.items], np.int64)

    def groups(self, columns: Sequence[str]) -> Int64Array:
        """Group number of each window, int64 [windows]: windows that agree in all `columns` are one group.

        Raises:
            TrainingError: a column isn't in the labels.
        """
        known = set().union(*(item.label.values for item in self.items))
        if missing := [column for column in columns if column not in known]:
            raise TrainingError(
                f"labels have no column {', '.join(missing)} to group by; there are: {', '.join(sorted(known))}",
                hint="Name others under group_by or hold_out in the training file (--config).",
            )
        keys = [tuple(str(item.label.values.get(column)) for column in columns) for item in self.items]
        number = {key: index for index, key in enumerate(dict.fromkeys(keys))}
        return np.array([number[key] for key in keys], np.int64)


def labelled_windows(machine: Machine, recording: Recording, *, stable_only: bool = True) -> LabelledWindows:
    """Cut one window per label row.

    Rows that the labels mark as not stable are left out unless `stable_only` is false: the machine may not have
    reached the state that the label names.

    Raises:
        TrainingError: no sensor is the machine's, or one is in another unit; there are no labels, none of this
            machine's conditions is among them, a value isn't a level, windows overlap, or one lies where there are no
            signals.
    """
    refuse_errors(signal_problems(machine, recording))
    refuse_errors(label_problems(machine, recording, stable_only=stable_only))
    rows = [row for row in recording.labels if row.stable or not stable_only]
    return LabelledWindows(
        machine,
        tuple(
            LabelledWindow(cut_window(machine, recording.series, row.start_us, row.end_us), row)
            for row in sorted(rows, key=lambda row: row.start_us)
        ),
    )


def targets(machine: Machine, row: LabelRow) -> Targets:
    """Targets of a label row.

    A labelled component shows its condition's fault from the second level on. The labels say nothing of its other
    faults, nor of components without a condition: those teach nothing.

    Raises:
        TrainingError: a value isn't among the condition's levels.
    """
    level = np.full(len(machine.components), UNLABELLED, np.int64)
    fault = np.full((len(machine.components), len(FaultMode)), np.nan, np.float32)
    for condition in machine.conditions:
        if condition.name not in row.values:
            continue
        node, value = machine.component_index[condition.component], row.values[condition.name]
        try:
            level[node] = condition.level_of(value)
        except KeyError as error:
            raise TrainingError(
                f"label {condition.name} = {value!r} isn't a level of that condition, which has: "
                f"{', '.join(str(item.label) for item in condition.levels)}",
                hint=f"Add the level to machine {machine.name!r}, or mend the labels.",
            ) from error
        fault[node, tuple(FaultMode).index(condition.fault)] = float(level[node] > 0)
    return Targets(level, fault)


def level_counts(machine: Machine) -> Int64Array:
    """Number of levels of each node's condition, int64 [N]; 0 without one."""
    conditions = (machine.condition_of(component.name) for component in machine.components)
    return np.array([len(condition.levels) if condition else 0 for condition in conditions], np.int64)


def silence_sensors(window: Window, silent: npt.NDArray[np.bool_]) -> Window:
    """The window as it would be without some of its sensors, bool [sensors] in their order."""
    channels = tuple(
        ChannelWindow(channel.sensor, channel.step_us, np.empty(0, np.float32)) if drop else channel
        for channel, drop in zip(window.channels, silent, strict=True)
    )
    return replace(window, channels=channels)


def build_examples(
    windows: LabelledWindows,
    *,
    sensor_drop: float,
    seed: int,
    augment: Augmentation = NO_AUGMENTATION,
    sensor_faults: float = 0.0,
    making: GraphMaking = IN_THIS_PROCESS,
    report: Callable[[int], None] = lambda _: None,
) -> tuple[Example, ...]:
    """Graphs and targets of all windows, held in memory.

    Args:
        windows: what to build from.
        sensor_drop: probability that a sensor is silent in the degraded copy. Whole sensors are dropped from the
            window itself, so that masks, features and ratios come out just as they do on a box that lost one.
        seed: of the choice of sensors, the augmentation and the sensor faults.
        augment: what else is done to the copy that training sees.
        sensor_faults: probability that a sensor is faulty in that copy.
        making: cache and processes.
        report: called with the number of windows done.

    Raises:
        TrainingError: the cache can't be written.
    """
    random = np.random.default_rng(seed)
    whole = [item.window for item in windows.items]
    degraded = [silence_sensors(window, random.random(len(window.channels)) < sensor_drop) for window in whole]
    learned, faulty = degraded, np.zeros((len(whole), len(windows.machine.sensors)), np.bool_)
    if augment != NO_AUGMENTATION:
        noisy = np.random.default_rng([seed, 1])
        learned = [augmented(window, windows.machine, augment, noisy) for window in learned]
    if sensor_faults:
        broken = np.random.default_rng([seed, 2])
        made = [with_faulty_sensors(window, windows.machine, sensor_faults, broken) for window in learned]
        learned, faulty = [window for window, _ in made], np.stack([sensors for _, sensors in made])
    copies = [whole, degraded] if learned is degraded else [whole, degraded, learned]

    def graphs(number: int) -> Iterator[GraphSample]:
        def told(done: int) -> None:
            report((number * len(whole) + done) // len(copies))

        return make_graphs(windows.machine, copies[number], making, told)

    samples = [tuple(graphs(number)) for number in range(len(copies))]
    labels = [targets(windows.machine, item.label) for item in windows.items]
    return tuple(
        Example(sample, silenced, labels[index], samples[-1][index], faulty_channels(windows.machine, faulty[index]))
        for index, (sample, silenced) in enumerate(zip(samples[0], samples[1], strict=True))
    )


def _condition(machine: Machine, name: str) -> Condition:
    return next(condition for condition in machine.conditions if condition.name == name)
