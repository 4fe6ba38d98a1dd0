"""What a machine's baseline is learned from in training, and that nothing else has any influence on it."""

from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.graph import GraphSample
from edge_runtime.window import ChannelWindow
from training.conditioning import conditioned, healthy_windows
from training.config import TrainingConfig
from training.cross_fit import TrainingWindows
from training.dataset import LabelledWindows, targets
from training.folds import Fold
from training.model_answers import MODEL, WHOLE
from training.splits import Split
from training.trials import Examiner, Trial


def with_pressure_changed(windows: LabelledWindows, changed: np.ndarray) -> LabelledWindows:
    """The same windows with 20 bar more at the first sensor in some of them."""
    items = list(windows.items)
    for number in changed:
        window = items[number].window
        first = window.channels[0]
        channel = ChannelWindow(first.sensor, first.step_us, first.values + np.float32(20))
        items[number] = replace(items[number], window=replace(window, channels=(channel, *window.channels[1:])))
    return replace(windows, items=tuple(items))


@pytest.fixture(scope="module")
def data(data: TrainingWindows) -> TrainingWindows:
    """The sample, in which the valve counts as healthy at 90 too: so there are healthy windows enough."""
    items = tuple(
        replace(item, label=replace(item.label, values={**item.label.values, "valve": 100}))
        if item.label.values["valve"] == 90
        else item
        for item in data.windows.items
    )
    windows = replace(data.windows, items=items)
    examples = (
        replace(example, targets=targets(windows.machine, item.label))
        for example, item in zip(data.examples, items, strict=True)
    )
    return replace(data, windows=windows, examples=tuple(examples))


@pytest.fixture(scope="module")
def healthy(data: TrainingWindows) -> np.ndarray:
    return healthy_windows(data.windows)


def size(sample: GraphSample) -> float:
    """How far a window is from healthy at the median, in spreads."""
    return float(np.median(np.abs(sample.deviation[sample.deviation_mask > 0])))


def test_healthy_is_what_no_label_speaks_against(data: TrainingWindows, healthy: np.ndarray):
    labels = [data.windows.items[number].label.values for number in healthy]
    assert {(int(row["cooler"]), int(row["valve"]), int(row["pump"]), int(row["accumulator"])) for row in labels} == {
        (100, 100, 0, 130)
    }


def test_what_is_not_labelled_counts_as_healthy(data: TrainingWindows, healthy: np.ndarray):
    items = list(data.windows.items)
    faulty = next(number for number, item in enumerate(items) if item.label.values["pump"] == 2)
    for number, values in ((healthy[0], {"pump": 0}), (healthy[1], {}), (faulty, {"pump": 2})):
        items[number] = replace(items[number], label=replace(items[number].label, values=values))
    np.testing.assert_array_equal(healthy_windows(replace(data.windows, items=tuple(items))), healthy)


def test_every_window_is_beside_the_baseline_of_the_healthy_training_windows(
    data: TrainingWindows, healthy: np.ndarray
):
    examples = conditioned(data.windows, data.examples, np.arange(len(data.windows)))
    taught = [examples[number].sample for number in healthy]
    assert np.median([np.abs(sample.deviation[sample.deviation_mask > 0]).mean() for sample in taught]) < 1.5
    worn = [
        example.sample
        for example in examples
        if example.targets.level.max() > 0 and example.sample.deviation_mask.any()
    ]
    assert np.median([np.abs(sample.deviation[sample.deviation_mask > 0]).mean() for sample in worn]) > 3
    assert not any(example.degraded.deviation_mask.any() for example in examples)


def test_windows_outside_the_training_fold_teach_nothing(data: TrainingWindows, healthy: np.ndarray):
    test = np.concatenate([healthy[:2], [0, 1]])
    training = np.setdiff1d(np.arange(len(data.windows)), test)
    before = conditioned(data.windows, data.examples, training)
    after = conditioned(with_pressure_changed(data.windows, test), data.examples, training)
    for number in training:
        np.testing.assert_array_equal(before[number].sample.deviation, after[number].sample.deviation)
    assert any((before[number].sample.deviation != after[number].sample.deviation).any() for number in healthy[:2])


def test_faulty_training_windows_teach_nothing_either(data: TrainingWindows, healthy: np.ndarray):
    everything = np.arange(len(data.windows))
    faulty = np.setdiff1d(everything, healthy)
    before = conditioned(data.windows, data.examples, everything)
    after = conditioned(with_pressure_changed(data.windows, faulty), data.examples, everything)
    for number in healthy:
        np.testing.assert_array_equal(before[number].sample.deviation, after[number].sample.deviation)


def test_without_a_healthy_training_window_nothing_is_compared(data: TrainingWindows, healthy: np.ndarray):
    training = np.setdiff1d(np.arange(len(data.windows)), healthy)
    earlier_fold = conditioned(data.windows, data.examples, np.arange(len(data.windows)))
    for example in conditioned(data.windows, earlier_fold, training):
        assert not example.sample.deviation.any()
        assert not example.sample.deviation_mask.any()


def test_a_conditioned_network_is_cross_fitted(data: TrainingWindows, tiny_config: TrainingConfig):
    config = tiny_config.model_copy(
        update={
            "model": tiny_config.model.model_copy(update={"conditioning": True}),
            "fit": tiny_config.fit.model_copy(update={"epochs": 1}),
        }
    )
    test = np.flatnonzero(data.groups == data.groups[0])
    fold = Fold(np.setdiff1d(np.arange(len(data.windows)), test), test)
    said = Examiner(data, config).answer(Trial(Split("one", (fold,), data.groups), 0, 0, MODEL))
    assert np.isfinite(said.heard[WHOLE].network).all()
