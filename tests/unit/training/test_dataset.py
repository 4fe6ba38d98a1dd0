from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.errors import TrainingError
from edge_runtime.machine import Machine
from edge_runtime.recording import LabelRow, Recording
from edge_runtime.vocabulary import FaultMode
from training.dataset import build_examples, labelled_windows, level_counts, silence_sensors, targets


def test_there_is_one_window_for_each_stable_label_row_from_its_start_to_its_end(machine: Machine, sample: Recording):
    stable = [row for row in sample.labels if row.stable]
    windows = labelled_windows(machine, sample)
    assert [(item.window.start_us, item.window.end_us) for item in windows.items] == [
        (row.start_us, row.end_us) for row in stable
    ]
    assert len(labelled_windows(machine, sample, stable_only=False)) == len(sample.labels) > len(stable)


def test_a_window_holds_the_signal_of_its_row(machine: Machine, sample: Recording):
    item = labelled_windows(machine, sample).items[3]
    expected = sample.series["PS1"].between(item.label.start_us, item.label.end_us).values
    assert item.window.channels[machine.sensor_index["PS1"]].values == pytest.approx(expected, rel=1e-6)


def test_targets_stand_on_the_components_that_the_labels_speak_of(machine: Machine):
    row = LabelRow(0, 1, {"cooler": 100, "valve": 80, "pump": 2})

    found = targets(machine, row)

    level = dict(zip((component.name for component in machine.components), found.level.tolist(), strict=True))
    assert {name: value for name, value in level.items() if value >= 0} == {"cooler": 0, "valve": 2, "pump": 2}
    known = np.argwhere(~np.isnan(found.fault)).tolist()
    assert known == sorted(
        [machine.component_index[name], tuple(FaultMode).index(fault)]
        for name, fault in {"cooler": "overheating", "valve": "valve_stiction", "pump": "leakage"}.items()
    )
    assert found.fault[machine.component_index["cooler"], 1] == 0
    assert np.nansum(found.fault) == 2


def test_a_label_that_is_no_level_is_refused_with_the_levels_there_are(machine: Machine):
    with pytest.raises(TrainingError, match=r"label valve = 85 isn't a level .* 100, 90, 80, 73") as caught:
        targets(machine, LabelRow(0, 1, {"valve": 85}))
    assert "Add the level to machine 'zema'" in caught.value.hint


def test_a_recording_without_labels_is_refused(machine: Machine, sample: Recording):
    with pytest.raises(TrainingError, match="has no label rows") as caught:
        labelled_windows(machine, replace(sample, labels=()))
    assert "labels.parquet" in caught.value.hint


def test_a_recording_without_a_stable_row_is_refused(machine: Machine, sample: Recording):
    restless = tuple(replace(row, stable=False) for row in sample.labels)
    with pytest.raises(TrainingError, match="has no stable label rows"):
        labelled_windows(machine, replace(sample, labels=restless))


def test_labels_of_other_things_are_refused_with_what_both_sides_have(machine: Machine, sample: Recording):
    foreign = (LabelRow(0, 60_000_000, {"gearbox": 1}),)
    with pytest.raises(TrainingError, match="cooler, valve, pump, accumulator; there are: gearbox"):
        labelled_windows(machine, replace(sample, labels=foreign))


def test_groups_are_the_windows_that_agree_in_all_columns(machine: Machine, sample: Recording):
    windows = labelled_windows(machine, sample)
    groups = windows.groups(["cooler", "pump"])
    for one, group in zip(windows.items, groups, strict=True):
        for other, other_group in zip(windows.items, groups, strict=True):
            same = all(one.label.values[name] == other.label.values[name] for name in ("cooler", "pump"))
            assert same == (group == other_group)


def test_grouping_by_a_column_that_is_not_there_names_those_that_are(machine: Machine, sample: Recording):
    with pytest.raises(TrainingError, match="no column shift to group by; there are: accumulator, block"):
        labelled_windows(machine, sample).groups(["shift"])


def test_each_node_knows_how_many_levels_it_has(machine: Machine):
    counts = level_counts(machine)
    assert counts[machine.component_index["valve"]] == 4
    assert counts[machine.component_index["cooler"]] == 3
    assert counts[machine.component_index["reservoir"]] == 0


def test_a_silent_sensor_is_silent_at_all_its_places(machine: Machine, sample: Recording):
    item = labelled_windows(machine, sample).items[0]
    silent = np.array([sensor.name == "PS1" for sensor in machine.sensors])

    window = silence_sensors(item.window, silent)

    assert [channel.sensor for channel in window.channels if not len(channel.values)] == ["PS1"]


def test_the_degraded_copy_lacks_sensors_and_the_sample_does_not(machine: Machine, sample: Recording):
    windows = labelled_windows(machine, sample).select(range(10))
    examples = build_examples(windows, sensor_drop=0.3, seed=1)
    assert sum(example.degraded.sequence_mask.sum() for example in examples) < sum(
        0.9 * example.sample.sequence_mask.sum() for example in examples
    )
    assert all((example.degraded.sequence_mask <= example.sample.sequence_mask).all() for example in examples)


def test_the_same_seed_drops_the_same_sensors(machine: Machine, sample: Recording):
    windows = labelled_windows(machine, sample).select(range(5))
    one, same, other = (build_examples(windows, sensor_drop=0.3, seed=seed) for seed in (1, 1, 2))
    masks = [np.stack([example.degraded.sequence_mask for example in examples]) for examples in (one, same, other)]
    assert np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0], masks[2])


def test_progress_rises_to_all_windows(machine: Machine, sample: Recording):
    done: list[int] = []
    build_examples(labelled_windows(machine, sample).select(range(3)), sensor_drop=0, seed=0, report=done.append)
    assert done == sorted(done)
    assert done[-1] == 3
