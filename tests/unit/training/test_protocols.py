from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.errors import ConfigurationError, TrainingError
from edge_runtime.yaml_file import load_yaml
from tests.models.small_rig import MACHINE, small_recording
from training.baselines.contenders import CLOCK, CYCLE_LDA, LDA, MAJORITY, QUICK_CONTENDERS
from training.config import TrainingConfig
from training.cross_fit import TrainingWindows
from training.evaluation_windows import evaluation_windows
from training.model_answers import DISCRIMINANT, MODEL, NETWORK
from training.protocol_kinds import Control, ExpectedShare, HoldOut, RandomSplit, SensorDropout, WithoutSensors
from training.protocol_report import ProtocolReport
from training.protocols import choose_protocols, run_protocols
from training.run_trials import Resources


@pytest.fixture(scope="module")
def config(tiny_config: TrainingConfig) -> TrainingConfig:
    protocols = {
        "leave-block": HoldOut(hold_out=("block",), folds=3),
        "random": RandomSplit(folds=3),
        "sensor-dropout": SensorDropout(split="leave-block", conditions=("pump",), most_lost={1: 0.1, 2: 0.2}),
        "without-flow": WithoutSensors(split="leave-block", sensors=("Q1",), conditions=("pump",)),
        "control": Control(
            column="cycle",
            ranges=((1, 8),),
            conditions=("valve",),
            shares=(ExpectedShare(labels=(0, 1), least=0.9), ExpectedShare(labels=(1,), most=0.6)),
        ),
    }
    return tiny_config.model_copy(update={"protocols": protocols, "group_by": ("block",)})


@pytest.fixture(scope="module")
def windows(config: TrainingConfig) -> TrainingWindows:
    return evaluation_windows(MACHINE, small_recording(), config, ["leave-block", "control"], seed=0)


def test_a_protocol_measures_its_conditions_beside_the_simple_models(
    windows: TrainingWindows, config: TrainingConfig, tmp_path: Path
):
    said: list[tuple[int, int]] = []
    (report,) = run_protocols(
        ["leave-block"],
        windows,
        config,
        seeds=(0, 1),
        resources=Resources(tmp_path),
        contenders=QUICK_CONTENDERS,
        report=lambda done, total: said.append((done, total)),
    )

    assert (report.windows, report.groups, report.folds, report.seeds) == (84, 12, 3, (0, 1))
    assert list(report.conditions) == ["pump", "valve"]
    for item in report.conditions.values():
        assert list(item.macro_f1) == [MODEL, NETWORK, DISCRIMINANT, MAJORITY, CLOCK, LDA, CYCLE_LDA]
        for score in item.macro_f1.values():
            assert score.low is not None
            assert score.high is not None
            assert 0 <= score.low <= score.high <= 1
        assert item.macro_f1[MODEL].value > 0.9 > item.macro_f1[MAJORITY].value
        assert sum(sum(row) for row in item.confusion) == 2 * 84
        assert len(item.health.window) == 84
    assert report.figures["valve.macro_f1"] == pytest.approx(report.conditions["valve"].metrics["macro_f1"], abs=1e-4)
    assert said == [(done, 12) for done in range(13)]


def test_protocols_of_every_kind_run_together_and_share_the_models_of_shared_folds(
    windows: TrainingWindows, config: TrainingConfig, tmp_path: Path
):
    totals: list[int] = []

    def measured() -> dict[str, ProtocolReport]:
        reports = run_protocols(
            choose_protocols(config, ["all"]),
            windows,
            config,
            seeds=(0,),
            resources=Resources(tmp_path),
            network=False,
            contenders=QUICK_CONTENDERS,
            report=lambda done, _: totals.append(done),
        )
        return {report.name: report for report in reports}

    found = measured()
    assert max(totals) == 2 * (3 + 3 + 3 + 1), "the folds of sensor-dropout are those of leave-block"
    assert [name for name, report in found.items() if report.inflated] == ["random"]
    whole, dropout = found["leave-block"].conditions["pump"], found["sensor-dropout"].conditions["pump"]
    assert dropout.macro_f1 == whole.macro_f1
    assert list(dropout.missing) == [1, 2]
    for missing in dropout.missing.values():
        lost = dropout.macro_f1[LDA].value - missing.macro_f1[LDA].value
        assert missing.lost[LDA].value == pytest.approx(lost)
    assert whole.macro_f1[LDA].value > 0.9 > found["without-flow"].conditions["pump"].macro_f1[LDA].value
    control = found["control"]
    assert (control.windows, control.groups) == (8, 1), "of the first block, its unstable window too"
    assert control.conditions["valve"].macro_f1[MODEL].low is None, "one group gives no interval"
    assert control.conditions["valve"].called[MODEL][0] == 1

    totals.clear()
    assert measured() == found
    assert totals == [20], "a run that is finished is read and not run again"


def test_answers_of_other_settings_are_not_taken_for_these(
    windows: TrainingWindows, config: TrainingConfig, tmp_path: Path
):
    def trials_left(one: TrainingConfig, data: TrainingWindows) -> int:
        left: list[int] = []
        run_protocols(
            ["leave-block"],
            data,
            one,
            seeds=(0,),
            resources=Resources(tmp_path),
            network=False,
            contenders=(MAJORITY,),
            report=lambda done, total: left.append(total - done),
        )
        return left[0]

    assert trials_left(config, windows) == 6
    assert trials_left(config, windows) == 0
    wide = config.model_copy(update={"model": config.model.model_copy(update={"width": 16})})
    assert trials_left(wide, windows) == 3, "the simple models don't read it"
    for copy in ("sample", "degraded", "learned"):
        changed = replace(windows.examples[0], **{copy: windows.examples[1].sample})
        assert trials_left(config, replace(windows, examples=(changed, *windows.examples[1:]))) == 6


def test_a_damaged_file_of_answers_is_made_again(windows: TrainingWindows, config: TrainingConfig, tmp_path: Path):
    def run() -> tuple[ProtocolReport, ...]:
        return run_protocols(
            ["control"],
            windows,
            config,
            seeds=(0,),
            resources=Resources(tmp_path),
            network=False,
            contenders=(MAJORITY,),
        )

    before = run()
    for file in tmp_path.rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:100])
    assert run() == before


def test_an_unknown_protocol_names_those_there_are(tiny_config: TrainingConfig):
    with pytest.raises(TrainingError, match=r"there is no protocol 'leave-nothing'; .* has: leave-cooler-level"):
        choose_protocols(tiny_config, ["leave-nothing"])


def test_folds_can_only_be_taken_from_a_protocol_that_holds_groups_out(tmp_path: Path):
    file = tmp_path / "training.yaml"
    file.write_text("protocols:\n  drop:\n    kind: sensor-dropout\n    split: nothing\n    most_lost: {1: 0.1}\n")
    with pytest.raises(ConfigurationError, match=r"training.yaml:4: .*no hold-out protocol 'nothing'"):
        load_yaml(file, TrainingConfig)
