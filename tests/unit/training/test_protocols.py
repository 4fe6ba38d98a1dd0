import pytest

from edge_runtime.errors import TrainingError
from training.baselines import CLOCK, LDA, MAJORITY
from training.config import TrainingConfig
from training.cross_fit import TrainingWindows
from training.protocols import DISCRIMINANT, MODEL, NETWORK, find_protocol, run_protocol


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


def test_an_unknown_protocol_names_those_there_are(tiny_config: TrainingConfig):
    with pytest.raises(TrainingError, match=r"there is no protocol 'leave-nothing'; .* has: leave-cooler-level"):
        find_protocol(tiny_config, "leave-nothing")
