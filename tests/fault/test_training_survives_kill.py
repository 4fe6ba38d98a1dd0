"""Kill -9 of a training run of several fits: whatever the moment, it goes on to the same networks, bit by bit."""

import itertools
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording
from gnn.model import ModelConfig
from tests.forked import exit_code, start
from training.checkpoint import load_checkpoint
from training.config import FitSettings, TrainingConfig
from training.cross_fit import TrainingWindows, fit_fold
from training.dataset import build_examples, labelled_windows
from training.folds import group_folds

CONFIGS = Path(__file__).parents[2] / "configs"
CONFIG = TrainingConfig(
    model=ModelConfig(width=8, heads=2, encoder_layers=1, edge_layers=1, discriminant=False, dropout=0.2),
    fit=FitSettings(epochs=4, patience=2, batch_size=8, validation_share=0.3),
)
FOLDS = 2
CHANGES = {"os.remove", "os.rename"}
WRITING = os.O_WRONLY | os.O_RDWR


def training_windows() -> TrainingWindows:
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    windows = labelled_windows(machine, read_recording(CONFIGS / "recordings" / "zema-sample"))
    groups = windows.groups(["cooler", "accumulator", "pump"])
    return TrainingWindows(windows, build_examples(windows, sensor_drop=0.2, seed=0), groups)


def run(data: TrainingWindows, folder: Path) -> None:
    for number, fold in enumerate(group_folds(data.groups, FOLDS), 1):
        fit_fold(data, CONFIG, fold, seed=3, keep=folder / f"fold-{number:02}")


def die_before_file_change(number: int) -> None:
    count = itertools.count(1)

    def hook(event: str, arguments: tuple) -> None:
        changes = event in CHANGES or (event == "open" and arguments[2] & WRITING)
        if changes and next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def die_before_step(number: int) -> None:
    step, count = torch.optim.AdamW.step, itertools.count(1)

    def mortal_step(self, closure=None):
        if next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, closure)

    torch.optim.AdamW.step = mortal_step


def live(data: TrainingWindows, folder: Path, die: Callable[[int], None] | None, number: int = 0) -> int:
    """One life of the run, in a process forked from this one, which has no threads. The signal that ended it, or 0."""
    child = os.fork()
    if child == 0:
        if die:
            die(number)
        run(data, folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WTERMSIG(status)


def whole_and_killed(folder: Path, deaths: Path) -> None:
    """The run once without an interruption, and once killed again and again."""
    torch.set_num_threads(1)
    data, choose = training_windows(), random.Random(5)
    assert live(data, folder / "whole", None) == 0
    fates = itertools.cycle([(die_before_file_change, 9), (die_before_step, 7), (die_before_file_change, 14)])
    lives, finished = 0, {}
    for die, latest in fates:
        alive = live(data, folder / "killed", die, choose.randint(latest // 2, latest)) == 0
        for checkpoint in folder.glob("killed/*/*.ckpt"):
            load_checkpoint(checkpoint)
        assert all(path.stat().st_mtime_ns == when for path, when in finished.items()), "a finished fit was repeated"
        finished = {path: path.stat().st_mtime_ns for path in folder.glob("killed/*/network.ckpt")}
        if alive:
            break
        lives += 1
    deaths.write_text(str(lives))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    assert exit_code(start(whole_and_killed, folder, folder / "deaths")) == 0
    return folder


def test_the_run_died_in_every_part_of_it(runs: Path):
    assert int((runs / "deaths").read_text()) >= 4


def test_every_network_is_the_same_bit_by_bit(runs: Path):
    for fold in range(1, FOLDS + 1):
        whole, killed = (
            load_checkpoint(runs / name / f"fold-{fold:02}" / "network.ckpt") for name in ("whole", "killed")
        )
        assert whole["epoch"] == killed["epoch"]
        assert whole["fit_key"] == killed["fit_key"]
        assert whole["state_dict"].keys() == killed["state_dict"].keys()
        assert all(torch.equal(value, killed["state_dict"][name]) for name, value in whole["state_dict"].items())


def test_so_is_the_last_epoch_of_each_which_may_lie_after_its_best(runs: Path):
    for fold in range(1, FOLDS + 1):
        whole, killed = (
            load_checkpoint(runs / name / f"fold-{fold:02}" / "latest.ckpt") for name in ("whole", "killed")
        )
        assert whole["epoch"] == killed["epoch"]
        assert all(torch.equal(value, killed["state_dict"][name]) for name, value in whole["state_dict"].items())


def test_nothing_half_written_is_left(runs: Path):
    assert [path.name for path in runs.rglob("*.partial")] == []
