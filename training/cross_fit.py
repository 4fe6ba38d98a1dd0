"""Train a model on one side of a fold, with everything that it takes found there."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from edge_runtime.graph import Float32Array, Int64Array
from gnn.model import UniversalTemporalGNN
from gnn.normalisation import TYPES
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
class FittedFold:
    """A model that has not seen a fold's test windows.

    Attributes:
        model: network and discriminant, fused.
        validation: the windows it was stopped and fused by.
        held_back: what it said of them before it was given their labels too.
        network_weight: float32 [component types], found on the validation windows.
        epochs: after how many the network was at its best.
    """

    model: UniversalTemporalGNN
    validation: Int64Array
    held_back: PartLogits
    network_weight: Float32Array
    epochs: int


def as_seen(data: TrainingWindows, config: TrainingConfig, fold: Fold) -> TrainingWindows:
    """The windows as the models of a fold see them: beside the healthy baseline of its training windows, if at all."""
    if not config.model.conditioning:
        return data
    return replace(data, examples=conditioned(data.windows, data.examples, fold.training))


def fit_fold(
    data: TrainingWindows,
    config: TrainingConfig,
    fold: Fold,
    *,
    seed: int,
    device: Device = CPU,
    keep: Path | None = None,
) -> FittedFold:
    """Train a model on a fold's training windows, or go on with a fit that `keep` holds.

    Some groups are held back from the training windows to stop and fuse by. The discriminant is found
    without them for that, and then once more with them: in closed form that costs nothing, and every state counts.
    """
    levels = level_counts(data.windows.machine)
    types = data.examples[0].sample.component_type
    inner = hold_back(fold, data.groups, config.fit.validation_share, seed)
    held_back = data.pick(inner.test)
    network = fit_network(
        config.model,
        config.fit,
        data.pick(inner.training),
        held_back,
        levels,
        seed=seed,
        device=device,
        keep=keep,
    )
    model = network.model
    parts = predict_parts(model, held_back)
    weight = network_weights(parts, data.level[inner.test], data.groups[inner.test], levels, types)
    model.network_weight = torch.from_numpy(weight)
    said = predict_parts(model, held_back)
    fit_discriminant(model, data.pick(fold.training))
    return FittedFold(model, inner.test, said, weight, network.epochs)


def fit_closed_form(data: TrainingWindows, config: TrainingConfig, fold: Fold, *, seed: int) -> FittedFold:
    """A model whose network is not trained and not heard: the discriminant alone, in seconds.

    Where the discriminant is silent, for want of sensors, so is the model.
    """
    inner = hold_back(fold, data.groups, config.fit.validation_share, seed)
    model = UniversalTemporalGNN(config.model).eval()
    with torch.no_grad():
        for parameter in model.task_heads.parameters():
            parameter.zero_()
    model.fit_normalisation([example.sample for example in data.pick(inner.training)])
    fit_discriminant(model, data.pick(inner.training))
    held_back = predict_parts(model, data.pick(inner.test))
    fit_discriminant(model, data.pick(fold.training))
    return FittedFold(model, inner.test, held_back, np.zeros(TYPES, np.float32), 0)
