from pathlib import Path

import pytest

from edge_runtime.errors import TrainingError
from tests.models.small_rig import MACHINE, small_recording
from training.baselines.contenders import LDA, QUICK_CONTENDERS
from training.config import TrainingConfig
from training.evaluation_windows import evaluation_windows
from training.model_answers import MODEL
from training.protocol_kinds import Control, ExpectedShare, HoldOut, RandomSplit, SensorDropout
from training.protocol_report import AblatedScore, AblationReport, ProtocolReport, Score
from training.protocols import choose_protocols, run_protocols
from training.report.measured import keep_ablations, keep_protocol, read_measured
from training.report.write import BEGIN, END, write_into, write_report
from training.run_trials import Resources


@pytest.fixture(scope="module")
def reports(tiny_config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[ProtocolReport, ...]:
    protocols = {
        "leave-campaign": HoldOut(hold_out=("campaign",), aims={"pump": 0.5, "valve": 1.0}),
        "random": RandomSplit(folds=2),
        "dropout": SensorDropout(split="leave-campaign", most_lost={1: 0.02}),
        "control": Control(
            column="cycle", ranges=((1, 8),), conditions=("valve",), shares=(ExpectedShare(labels=(0,), most=0.6),)
        ),
    }
    config = tiny_config.model_copy(update={"protocols": protocols, "group_by": ("block",)})
    names = choose_protocols(config, ["all"])
    return run_protocols(
        names,
        evaluation_windows(MACHINE, small_recording(), config, names, seed=0),
        config,
        seeds=(0,),
        resources=Resources(tmp_path_factory.mktemp("answers")),
        network=False,
        contenders=QUICK_CONTENDERS,
    )


@pytest.fixture
def run(reports: tuple[ProtocolReport, ...], tmp_path: Path) -> Path:
    for report in reports:
        keep_protocol(report, tmp_path)
    return tmp_path


def test_what_was_measured_is_read_as_it_was_kept(reports: tuple[ProtocolReport, ...], run: Path):
    found = read_measured(run).protocols
    assert len(found) == len(reports)
    assert all(report in reports for report in found)


def test_a_report_marks_what_is_inflated_and_says_what_intervals_are_drawn_from(run: Path):
    text = write_report(run).with_suffix(".md").read_text()
    assert "**Inflated: the split is random" in text[text.index("## random") : text.index("## leave-campaign")]
    assert text.count("Inflated:") == 1
    assert "random (inflated): pump" in text
    assert "3 groups by campaign, so the intervals are drawn from few groups" in text
    assert "1 group by block, so there is no interval" in text
    assert "macro-F1 lost with 1 sensor missing" in text


def test_html_needs_nothing_beside_it_and_is_the_same_again(run: Path):
    first = write_report(run).read_bytes()
    assert first.startswith(b"<!doctype html>")
    assert b'src="http' not in first
    assert first.count(b"data:image/svg+xml;base64,") == 3 * 3 + 2
    assert write_report(run).read_bytes() == first


def test_a_simple_model_that_is_better_is_named_in_words(reports: tuple[ProtocolReport, ...], tmp_path: Path):
    (report,) = (one for one in reports if one.name == "leave-campaign")
    item = report.conditions["pump"]
    better = {MODEL: Score(value=0.4, low=0.3, high=0.5), LDA: Score(value=1.1, low=0.9, high=1.2)}
    worse = item.model_copy(update={"macro_f1": {**item.macro_f1, **better}})
    keep_protocol(report.model_copy(update={"conditions": {"pump": worse}}), tmp_path)
    text = write_report(tmp_path).with_suffix(".md").read_text()
    assert "A simple model is better at leave-campaign, pump: features + LDA by 0.700." in text
    assert "The aim of 0.50 is missed at leave-campaign, pump: 0.400." in text
    assert "**1.100 [0.900, 1.200]**" in text


def test_ablations_join_the_report_with_what_they_change(run: Path):
    score = Score(value=0.8, low=0.7, high=0.9)
    lost = AblatedScore(macro_f1=Score(value=0.7, low=0.6, high=0.8), difference=Score(value=-0.1, low=-0.2, high=0.0))
    keep_ablations(
        AblationReport(
            name="leave-campaign",
            descriptions={"no-graph": "Components don't hear of each other."},
            seeds=(0,),
            groups=3,
            folds=3,
            as_it_is={"pump": {MODEL: score}},
            conditions={"pump": {MODEL: {"no-graph": lost}}},
        ),
        run,
    )
    text = write_report(run).with_suffix(".md").read_text()
    assert "| no-graph | 0.700 (-0.100 [-0.200, +0.000]) |" in text
    assert (run / "figures" / "ablations-leave-campaign-model.svg").is_file()


def test_results_go_between_the_markers_of_a_document(run: Path, tmp_path: Path):
    document = tmp_path / "page.md"
    document.write_text(f"Before\n{BEGIN}\nold\n{END}\nafter\n")
    write_into(run, document)
    write_into(run, document)
    text = document.read_text()
    assert text.startswith(f"Before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert text.count("### leave-campaign") == 1
    plots = [line.split("](")[1][:-1] for line in text.splitlines() if line.startswith("![")]
    assert plots
    assert all((tmp_path / plot).is_file() for plot in plots)
    document.write_text("no markers")
    with pytest.raises(TrainingError, match="has no place for results"):
        write_into(run, document)


def test_a_folder_without_results_is_told_how_to_get_some(tmp_path: Path):
    with pytest.raises(TrainingError, match="holds nothing that was measured") as caught:
        write_report(tmp_path)
    assert "hydrosight-train protocol" in caught.value.hint
