"""Run many trials in parallel processes, and keep the answers of each as soon as they are there."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from training.answers import Answers
from training.config import TrainingConfig
from training.cross_fit import TrainingWindows
from training.fitting import CPU, Device
from training.kept_arrays import keep_arrays, read_kept_arrays
from training.model_answers import ModelAnswers
from training.trials import BASELINES, Examiner, Trial, trial_key, windows_key

ANSWERS, FITS = "answers", "fits"
Found = Answers | ModelAnswers

Progress = Callable[[int, int], None]
"""Called with the number of trials done, and of all."""


def silently(done: int, total: int) -> None:
    """Tell nobody how far a run is."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a run may use.

    Attributes:
        folder: of the run. In it answers are kept, and what an interrupted fit goes on from.
        jobs: processes side by side; 1 stays in this one.
        device: of each process.
    """

    folder: Path
    jobs: int = 1
    device: Device = CPU


def run_trials(
    trials: Sequence[Trial],
    data: TrainingWindows,
    config: TrainingConfig,
    resources: Resources,
    report: Progress = silently,
) -> dict[Trial, Found]:
    """The answers to all trials; those that the folder already holds aren't asked for again.

    Args:
        trials: what to try.
        data: the windows, whole.
        config: training file.
        resources: folder, processes and device.
        report: called with the number of trials done, and of all.
    """
    windows = windows_key(data)
    answers_folder, fits = resources.folder / ANSWERS, resources.folder / FITS
    files = {trial: answers_folder / f"{trial.name}.{trial_key(trial, config, windows)}.npz" for trial in trials}
    found: dict[Trial, Found] = {}
    for trial, file in files.items():
        if (arrays := read_kept_arrays(file)) is not None:
            found[trial] = Answers.of(arrays) if trial.who == BASELINES else ModelAnswers.of(arrays)
    left = [trial for trial in files if trial not in found]
    report(len(found), len(files))

    def keep(trial: Trial, answers: Found) -> None:
        keep_arrays(answers.arrays(), files[trial])
        found[trial] = answers
        report(len(found), len(files))

    if resources.jobs == 1 or len(left) < 2:
        examiner = Examiner(data, config, resources.device, fits)
        for trial in left:
            keep(trial, examiner.answer(trial))
        return found
    with ProcessPoolExecutor(
        min(resources.jobs, len(left)), get_context("spawn"), _Worker.start, (data, config, resources.device, fits)
    ) as pool:
        running: dict[Future[Found], Trial] = {pool.submit(_Worker.answer, trial): trial for trial in left}
        try:
            for future in as_completed(running):
                keep(running[future], future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


class _Worker:
    """The examiner of a worker process: windows are sent there once and not with each trial."""

    examiner: Examiner

    @classmethod
    def start(cls, data: TrainingWindows, config: TrainingConfig, device: Device, fits: Path) -> None:
        cls.examiner = Examiner(data, config, device, fits)

    @classmethod
    def answer(cls, trial: Trial) -> Found:
        return cls.examiner.answer(trial)
