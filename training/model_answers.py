"""What a model said of a fold's windows, before it is calibrated, and calibrated by what others said of theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from edge_runtime.calibration import level_probabilities
from edge_runtime.graph import Float32Array, Int64Array
from edge_runtime.machine import Machine
from edge_runtime.manifest import ConditionCalibration
from edge_runtime.missing_signals import missing_signals
from training.answers import Answer, Answers, Asked
from training.calibrate import HeldOutWindows, calibrate, predict
from training.cross_fit import TrainingWindows
from training.dataset import Example
from training.kept_arrays import Arrays
from training.parts import PartLogits

MODEL, NETWORK, DISCRIMINANT = "model", "network alone", "discriminant alone"
WHOLE, DEGRADED = 0, -1
"""Keys of `ModelAnswers.heard`, beside the numbers of missing sensors."""


class Heard(NamedTuple):
    """What a model and its parts said of n windows.

    Attributes:
        fused, network, discriminant: level logits, float32 [n, N, 4]; zero where the discriminant is silent.
        lacking: int64 [n, N], how many of its own signals each component lacked.
    """

    fused: Float32Array
    network: Float32Array
    discriminant: Float32Array
    lacking: Int64Array


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """What the model of one fold said.

    Attributes:
        test: int64 [n], numbers of the windows tested.
        heard: of them whole, of their degraded copies, and with so many sensors missing.
        validation: int64, numbers of the training windows that it was stopped and fused by.
        held_back: of these.
        network_weight: float32 [component types], found on them.
        epochs: after how many the network was at its best; 0 if it was not trained.
    """

    test: Int64Array
    heard: Mapping[int, Heard]
    validation: Int64Array
    held_back: Heard
    network_weight: Float32Array
    epochs: int

    def arrays(self) -> Arrays:
        """All of it, to be kept."""
        tests = {f"heard {missing} {name}": array for missing, one in self.heard.items() for name, array in _named(one)}
        return {
            "test": self.test,
            "validation": self.validation,
            "network_weight": self.network_weight,
            "epochs": np.array(self.epochs),
            **tests,
            **{f"held_back {name}": array for name, array in _named(self.held_back)},
        }

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """From what `arrays` gave."""
        counts = {int(key.split()[1]) for key in arrays if key.startswith("heard ")}
        return cls(
            arrays["test"],
            {count: Heard(*(arrays[f"heard {count} {name}"] for name in Heard._fields)) for count in counts},
            arrays["validation"],
            Heard(*(arrays[f"held_back {name}"] for name in Heard._fields)),
            arrays["network_weight"],
            int(arrays["epochs"]),
        )


def hear(machine: Machine, examples: Sequence[Example], said: PartLogits) -> Heard:
    """What was said of windows, with what each component lacked in them."""
    lacking = np.stack([missing_signals(machine, example.sample) for example in examples])
    return Heard(said.fused, said.network, said.discriminant, lacking)


def held_out_windows(data: TrainingWindows, said: Sequence[ModelAnswers]) -> HeldOutWindows:
    """What the models of several folds said of their test windows and of the degraded copies, to calibrate by."""
    heard = [one.heard[kind] for kind in (WHOLE, DEGRADED) for one in said]
    tested = np.tile(np.concatenate([one.test for one in said]), 2)
    return HeldOutWindows(
        logits=np.concatenate([one.fused for one in heard]),
        level=data.level[tested],
        missing=np.concatenate([one.lacking for one in heard]),
        groups=data.groups[tested],
    )


def calibrated_answers(data: TrainingWindows, said: Sequence[ModelAnswers], *, network: bool = True) -> list[Answers]:
    """What each fold's model says once it is calibrated, and what each of its parts takes for likeliest by itself.

    A model is calibrated by what the other folds' models said of their own test windows: what it says of windows that
    it stopped by is surer than what it says of new groups. A model without others is calibrated by those all the same.

    Args:
        data: the windows.
        said: by each fold of a split, under one seed.
        network: whether the network was trained.
    """
    answers = []
    for own in said:
        others = [other for other in said if other is not own]
        windows = held_out_windows(data, others) if others else _validation_windows(data, own)
        calibrations = calibrate(data.windows.machine, windows)
        found: dict[Asked, Answer] = {}
        for missing, heard in own.heard.items():
            if missing != DEGRADED:
                found |= _answers(data, own.test, missing, heard, calibrations, network=network)
        answers.append(Answers(own.test, found))
    return answers


def _answers(
    data: TrainingWindows,
    test: Int64Array,
    missing: int,
    heard: Heard,
    calibrations: Mapping[str, ConditionCalibration],
    *,
    network: bool,
) -> dict[Asked, Answer]:
    machine = data.windows.machine
    found: dict[Asked, Answer] = {}
    for condition in machine.conditions:
        if condition.name not in calibrations:
            continue
        node, calibration = machine.component_index[condition.component], calibrations[condition.name]
        predicted = predict(heard.fused[:, node], data.level[test, node], heard.lacking[:, node], calibration)
        found[Asked(condition.name, MODEL, missing)] = Answer(predicted.level, predicted.probabilities, predicted.sets)
        alone = {NETWORK: heard.network[:, node]} if network else {}
        if heard.discriminant[:, node].any():
            alone[DISCRIMINANT] = heard.discriminant[:, node]
        for part, logits in alone.items():
            likeliest = level_probabilities(logits, len(condition.levels)).argmax(-1)
            found[Asked(condition.name, part, missing)] = Answer(likeliest.astype(np.int64))
    return found


def _validation_windows(data: TrainingWindows, own: ModelAnswers) -> HeldOutWindows:
    return HeldOutWindows(
        logits=own.held_back.fused,
        level=data.level[own.validation],
        missing=own.held_back.lacking,
        groups=data.groups[own.validation],
    )


def _named(heard: Heard) -> list[tuple[str, np.ndarray]]:
    return list(zip(Heard._fields, heard, strict=True))
