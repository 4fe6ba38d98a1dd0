"""One trial: a model, or all simple models, trained on a fold under a seed and asked about its test windows."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_runtime.graph import Int64Array
from edge_runtime.graph_builder import build_graph
from edge_runtime.machine import Machine
from training.ablation import shuffle_edges
from training.answers import Answer, Answers, Asked
from training.baselines.contenders import ALL_CONTENDERS, CONTENDERS, BaselineInputs, ask_contender
from training.baselines.inputs import sensor_cycles, sensor_features
from training.checkpoint import forget_checkpoints
from training.code_key import code_key
from training.config import TrainingConfig
from training.cross_fit import TrainingWindows, as_seen, fit_closed_form, fit_fold
from training.dataset import Example, LabelledWindows, build_examples, silence_sensors
from training.fitting import CPU, Device
from training.folds import Fold
from training.model_answers import DEGRADED, MODEL, WHOLE, ModelAnswers, hear
from training.parts import predict_parts
from training.splits import Split

BASELINES = "baselines"


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be tried.

    Attributes:
        split: whose fold it is.
        number: of the fold.
        seed: of everything random.
        who: `model`, `baselines`, or the name of an ablation.
        network: train the network too, not the discriminant alone.
        contenders: the simple models asked, where `who` is them.
    """

    split: Split
    number: int
    seed: int
    who: str
    network: bool = True
    contenders: tuple[str, ...] = ALL_CONTENDERS

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.split.name}/{self.who}.seed-{self.seed}.fold-{self.number + 1}"

    @property
    def fold(self) -> Fold:
        """Windows to train on and to test on."""
        return self.split.folds[self.number]

    @property
    def ablation(self) -> str | None:
        """Its name, if it is one."""
        return None if self.who in {MODEL, BASELINES} else self.who


class Examiner:
    """Runs trials on one recording's windows; one lives in each process."""

    def __init__(
        self, data: TrainingWindows, config: TrainingConfig, device: Device = CPU, fits: Path | None = None
    ) -> None:
        """Take the windows.

        Args:
            data: the windows, whole.
            config: training file.
            device: of every fit.
            fits: folder in which a fit that is interrupted leaves what it goes on from.
        """
        self._config = config
        self._device = device
        self._fits = fits
        self._data: dict[tuple[str, ...], TrainingWindows] = {(): data}

    def answer(self, trial: Trial) -> Answers | ModelAnswers:
        """Fit what the trial says on the fold's training windows, and ask it about the test windows."""
        data = self._without(trial.split.silent)
        if trial.who == BASELINES:
            return _ask_baselines(data, trial)
        config = self._config
        if trial.ablation is not None:
            config = self._config.ablated(trial.ablation)
            if self._config.ablations[trial.ablation].shuffled_edges:
                data = replace(data, examples=shuffle_edges(data.examples, trial.seed))
        data = as_seen(data, config, trial.fold)
        if trial.network:
            keep = self._fits / trial.name if self._fits else None
            fitted = fit_fold(data, config, trial.fold, seed=trial.seed, device=self._device, keep=keep)
            if keep:
                forget_checkpoints(keep)
        else:
            fitted = fit_closed_form(data, config, trial.fold, seed=trial.seed)
        machine = data.windows.machine
        tests = {missing: _tested(data, trial, missing) for missing in (WHOLE, *trial.split.missing)}
        tests[DEGRADED] = tuple(replace(example, sample=example.degraded) for example in tests[WHOLE])
        return ModelAnswers(
            test=trial.fold.test,
            heard={
                kind: hear(machine, examples, predict_parts(fitted.model, examples)) for kind, examples in tests.items()
            },
            validation=fitted.validation,
            held_back=hear(machine, data.pick(fitted.validation), fitted.held_back),
            network_weight=fitted.network_weight,
            epochs=fitted.epochs,
        )

    def _without(self, sensors: tuple[str, ...]) -> TrainingWindows:
        """The windows as a machine has them that doesn't have some sensors."""
        if sensors not in self._data:
            self._data[sensors] = _without_sensors(self._data[()], sensors, self._config)
        return self._data[sensors]


def _without_sensors(data: TrainingWindows, sensors: tuple[str, ...], config: TrainingConfig) -> TrainingWindows:
    machine = data.windows.machine
    kept = [number for number, sensor in enumerate(machine.sensors) if sensor.name not in sensors]
    left = Machine.model_validate({**machine.model_dump(), "sensors": [machine.sensors[number] for number in kept]})
    items = tuple(
        replace(item, window=replace(item.window, channels=tuple(item.window.channels[number] for number in kept)))
        for item in data.windows.items
    )
    windows = LabelledWindows(left, items)
    examples = build_examples(
        windows,
        sensor_drop=config.fit.sensor_drop,
        sensor_faults=config.fit.sensor_faults,
        seed=0,
        augment=config.augment,
    )
    return TrainingWindows(windows, examples, data.groups)


def _ask_baselines(data: TrainingWindows, trial: Trial) -> Answers:
    machine, fold = data.windows.machine, trial.fold
    training = _inputs(data, fold.training, data.pick(fold.training))
    tests = {
        missing: _inputs(data, fold.test, _tested(data, trial, missing)) for missing in (WHOLE, *trial.split.missing)
    }
    said: dict[Asked, Answer] = {}
    for condition in machine.conditions:
        level = data.level[fold.training, machine.component_index[condition.component]]
        if len(np.unique(level[level >= 0])) < 2:
            continue
        for contender in (one for one in CONTENDERS if one.name in trial.contenders):
            found = ask_contender(contender, training, level, tests, trial.seed)
            said |= {Asked(condition.name, contender.name, missing): Answer(one) for missing, one in found.items()}
    return Answers(fold.test, said)


def _inputs(data: TrainingWindows, rows: Int64Array, examples: tuple[Example, ...]) -> BaselineInputs:
    samples = [example.sample for example in examples]
    start = np.array([[data.windows.items[int(row)].window.start_us] for row in rows], np.float64)
    machine = data.windows.machine
    return BaselineInputs(start, sensor_features(machine, samples), sensor_cycles(machine, samples))


def _tested(data: TrainingWindows, trial: Trial, missing: int) -> tuple[Example, ...]:
    """The test windows, each without `missing` sensors of its own drawing."""
    examples = data.pick(trial.fold.test)
    if not missing:
        return examples
    degraded = []
    for row, example in zip(trial.fold.test, examples, strict=True):
        window = data.windows.items[int(row)].window
        silent = np.zeros(len(window.channels), np.bool_)
        drawn = np.random.default_rng((trial.seed, int(row), missing))
        silent[drawn.choice(len(silent), missing, replace=False)] = True
        sample = build_graph(data.windows.machine, silence_sensors(window, silent))
        degraded.append(replace(example, sample=sample, degraded=sample))
    return tuple(degraded)


def trial_key(trial: Trial, config: TrainingConfig, windows: str) -> str:
    """What answers depend on, as a hash: two trials of one key give the same answers.

    Args:
        trial: the trial.
        config: training file.
        windows: hash of the windows and labels, from `windows_key`.
    """
    facts: dict[str, object] = {
        "seed": trial.seed,
        "silent": trial.split.silent,
        "missing": trial.split.missing,
        "windows": windows,
        "code": code_key(),
    }
    if trial.who == BASELINES:
        facts["contenders"] = trial.contenders
    else:
        ablated = config if trial.ablation is None else config.ablated(trial.ablation)
        facts["model"] = ablated.model.model_dump(mode="json")
        facts["shuffled"] = trial.ablation is not None and config.ablations[trial.ablation].shuffled_edges
        facts["fit"] = config.fit.model_dump(mode="json")
        facts["network"] = trial.network
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    digest.update(trial.fold.training.tobytes())
    digest.update(trial.fold.test.tobytes())
    return digest.hexdigest()[:16]


def windows_key(data: TrainingWindows) -> str:
    """Hash of what is learned and tested on: the windows, their degraded and augmented copies, and the machine."""
    digest = hashlib.sha256(data.groups.tobytes())
    digest.update(data.windows.machine.model_dump_json().encode())
    for item, example in zip(data.windows.items, data.examples, strict=True):
        digest.update(str(item.window.start_us).encode())
        for array in example.arrays():
            digest.update(array.tobytes())
    return digest.hexdigest()
