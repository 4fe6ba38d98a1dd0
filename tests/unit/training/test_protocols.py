import numpy as np
import pytest

from edge_runtime.errors import TrainingError
from training.baselines import CLOCK, LDA, MAJORITY
from training.config import TrainingConfig
from training.folds import group_folds
from training.protocols import DISCRIMINANT, MODEL, NETWORK, TrainingWindows, cross_fit, find_protocol, run_protocol


def test_a_protocol_measures_its_conditions_beside_the_baselines(data: TrainingWindows, tiny_config: TrainingConfig):
    said: list[str] = []

    report = run_protocol("leave-cooler-level", data, tiny_config, seed=0, report=said.append)

    assert (report.windows, report.groups, report.folds) == (len(data.windows), 3, 3)
    assert list(report.conditions) == ["valve", "pump"]
    for item in report.conditions.values():
        assert list(item.macro_f1) == [MODEL, NETWORK, DISCRIMINANT, MAJORITY, CLOCK, LDA]
        for value, low, high in item.macro_f1.values():
            assert 0 <= low <= high <= 1
            assert 0 <= value <= 1
    assert report.figures["valve.macro_f1"] == pytest.approx(report.conditions["valve"].macro_f1[MODEL][0], abs=1e-4)
    assert said == [f"leave-cooler-level: fold {number} of 3" for number in (1, 2, 3)]


def test_no_window_is_validated_or_trained_on_beside_its_group(data: TrainingWindows, tiny_config: TrainingConfig):
    results = cross_fit(data, tiny_config, group_folds(data.groups, 2), seed=0)
    tested = np.concatenate([result.fold.test for result in results])
    assert sorted(tested) == list(range(len(data.windows)))
    for result in results:
        for logits in (result.said.fused, result.said.network, result.said.discriminant):
            assert logits.shape == (len(result.fold.test), 13, 4)
        assert result.validation_logits.shape == (len(result.validation), 13, 4)
        assert not set(data.groups[result.fold.test]) & set(data.groups[result.validation])
        assert set(result.validation) <= set(result.fold.training)


def test_an_unknown_protocol_names_those_there_are(tiny_config: TrainingConfig):
    with pytest.raises(TrainingError, match=r"there is no protocol 'leave-nothing'; .* has: leave-cooler-level"):
        find_protocol(tiny_config, "leave-nothing")
