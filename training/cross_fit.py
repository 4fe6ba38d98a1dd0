"""Train a model without some groups of windows and hear what it says of them, fold by fold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from edge_runtime.graph import Float32Array, Int64Array
from edge_runtime.missing_signals import missing_signals
from training.calibrate import HeldOutWindows
from training.conditioning import conditioned
from training.config import TrainingConfig
from training.dataset import Example, LabelledWindows, level_counts
from training.fitting import CPU, Device, fit_discriminant, fit_network
from training.folds import Fold, hold_back
from training.fusion import network_weights
from training.parts import PartLogits, predict_parts


@dataclass(frozen=True, slots=True)
class TrainingWindows:
    """Everything that networks are trained and tested on: windows, their graphs, and which belong together."""

    windows: LabelledWindows
    examples: tuple[Example, ...]
    groups: Int64Array

    @property
    def level(self) -> Int64Array:
        """int64 [windows, N], −1 where unlabelled."""
        return np.stack([example.targets.level for example in self.examples])

    def pick(self, indices: Int64Array) -> tuple[Example, ...]:
        """Some of the examples."""
        return tuple(self.examples[int(index)] for index in indices)


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What a network said of windows of groups that it did not see.

    Attributes:
        fold: which windows it may have seen, and which these are.
        said: of the test windows.
        degraded_logits: float32 [test windows, N, 4], of their degraded copies.
        validation: the windows it was stopped and fused by.
        network_weight: float32 [component types], found on the validation windows.
        epochs: after how many it was at its best.
    """

    fold: Fold
    said: PartLogits
    degraded_logits: Float32Array
    validation: Int64Array
    network_weight: Float32Array
    epochs: int


def cross_fit(
    data: TrainingWindows,
    config: TrainingConfig,
    folds: tuple[Fold, ...],
    *,
    seed: int,
    device: Device = CPU,
    keep: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[FoldResult, ...]:
    """Train a model on each fold's training windows and let it speak of the fold's test windows.

    Some groups are held back from the training windows to stop and fuse by. The discriminant is found
    without them for that, and then once more with them: in closed form that costs nothing, and every state counts. A
    network that is conditioned on the machine's healthy baseline gets one of the fold's training windows. Folds whose
    networks `keep` holds already aren't fitted again.
    """
    levels = level_counts(data.windows.machine)
    types = data.examples[0].sample.component_type
    results = []
    for number, fold in enumerate(folds, 1):
        report(f"fold {number} of {len(folds)}")
        if config.model.conditioning:
            data = replace(data, examples=conditioned(data.windows, data.examples, fold.training))
        inner = hold_back(fold, data.groups, config.fit.validation_share, seed)
        network = fit_network(
            config.model,
            config.fit,
            data.pick(inner.training),
            data.pick(inner.test),
            levels,
            seed=seed,
            device=device,
            keep=keep / f"fold-{number:02}" if keep else None,
        )
        model, held_back = network.model, data.pick(inner.test)
        parts = predict_parts(model, held_back)
        weight = network_weights(parts, data.level[inner.test], data.groups[inner.test], levels, types)
        model.network_weight = torch.from_numpy(weight)
        fit_discriminant(model, data.pick(fold.training))
        tested = data.pick(fold.test)
        said = predict_parts(model, tested)
        degraded = predict_parts(model, [replace(example, sample=example.degraded) for example in tested])
        results.append(FoldResult(fold, said, degraded.fused, inner.test, weight, network.epochs))
    return tuple(results)


def held_out_windows(data: TrainingWindows, results: Sequence[FoldResult]) -> HeldOutWindows:
    """What the folds' models said of their test windows and of the degraded copies, to calibrate by."""
    tested = np.concatenate([result.fold.test for result in results])
    examples, machine = data.pick(tested), data.windows.machine
    samples = [example.sample for example in examples] + [example.degraded for example in examples]
    logits = [result.said.fused for result in results] + [result.degraded_logits for result in results]
    return HeldOutWindows(
        logits=np.concatenate(logits),
        level=np.tile(data.level[tested], (2, 1)),
        missing=np.stack([missing_signals(machine, sample) for sample in samples]),
        groups=np.tile(data.groups[tested], 2),
    )
