"""Labels that mean nothing score chance: nothing of a test window, nor of its near copies, is learned from."""

import pytest

from tests.models.small_rig import MACHINE, small_recording
from training.baselines.contenders import ALL_CONTENDERS, BOOSTING, CLOCK, MAJORITY, MINIROCKET, TREES
from training.config import TrainingConfig
from training.evaluation_windows import evaluation_windows
from training.model_answers import DISCRIMINANT, MODEL, NETWORK
from training.protocol_kinds import HoldOut, RandomSplit
from training.protocol_report import ConditionReport
from training.protocols import run_protocols
from training.run_trials import Resources

BLOCKS = 24
CHANCE = 0.5
SPREAD = 0.2
"""Of a score by chance: with 24 blocks a fair coin's share of right answers has a standard deviation of .1."""

ASKED = tuple(name for name in ALL_CONTENDERS if name not in {BOOSTING, MINIROCKET, TREES})


@pytest.fixture(scope="module")
def measured(tiny_config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ConditionReport]:
    """A pump's level that was drawn for each block and moves no signal."""
    config = tiny_config.model_copy(
        update={
            "group_by": ("block",),
            "protocols": {"grouped": HoldOut(hold_out=("block",), folds=4), "random": RandomSplit(folds=4)},
        }
    )
    windows = evaluation_windows(MACHINE, small_recording(BLOCKS, fault=0.0), config, ["grouped"], seed=0)
    reports = run_protocols(
        ["grouped", "random"],
        windows,
        config,
        seeds=(0,),
        resources=Resources(tmp_path_factory.mktemp("answers")),
        contenders=ASKED,
    )
    return {report.name: report.conditions["pump"] for report in reports}


@pytest.mark.parametrize("contender", [MODEL, NETWORK, DISCRIMINANT, *sorted(set(ASKED) - {MAJORITY})])
def test_on_groups_not_seen_nobody_scores_more_than_chance(measured: dict[str, ConditionReport], contender: str):
    assert measured["grouped"].macro_f1[contender].value < CHANCE + SPREAD


@pytest.mark.parametrize("contender", [DISCRIMINANT, CLOCK])
def test_on_a_random_split_the_same_labels_look_learned(measured: dict[str, ConditionReport], contender: str):
    assert measured["random"].macro_f1[contender].value > 0.9
