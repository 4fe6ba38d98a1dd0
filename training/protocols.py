"""Run an evaluation protocol: train without each group, test on it, and put simple models beside the result."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from edge_runtime.calibration import level_probabilities
from edge_runtime.errors import TrainingError
from edge_runtime.graph import Float32Array, Int64Array
from edge_runtime.manifest import ConditionCalibration
from edge_runtime.missing_signals import missing_signals
from training.baselines import run_baselines
from training.calibrate import calibrate, predict
from training.config import Protocol, TrainingConfig
from training.cross_fit import FoldResult, TrainingWindows, cross_fit, held_out_windows
from training.dataset import level_counts
from training.fitting import CPU, Device
from training.folds import group_folds
from training.metrics import Interval, Predictions, group_interval, measure

MODEL = "model"
NETWORK = "network alone"
DISCRIMINANT = "discriminant alone"


class ConditionReport(BaseModel):
    """One condition under one protocol.

    Attributes:
        metrics: `ConditionMetrics` of the model.
        macro_f1: by model or baseline: value, and 95 % interval over groups.
    """

    model_config = ConfigDict(frozen=True)

    metrics: dict[str, float]
    macro_f1: dict[str, tuple[float, float, float]]


class ProtocolReport(BaseModel):
    """What a protocol measured, by condition."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    windows: int
    groups: int
    folds: int
    conditions: dict[str, ConditionReport]

    @property
    def figures(self) -> dict[str, float]:
        """As the manifest has them: `pump.macro_f1` → value."""
        return {
            f"{condition}.{metric}": round(value, 4)
            for condition, report in self.conditions.items()
            for metric, value in report.metrics.items()
        }


def run_protocol(
    name: str,
    data: TrainingWindows,
    config: TrainingConfig,
    *,
    seed: int,
    device: Device = CPU,
    keep: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> ProtocolReport:
    """Run a protocol of the training file.

    Raises:
        TrainingError: there is no such protocol, or the recording doesn't have what it holds out.
    """
    protocol = find_protocol(config, name)
    folds = group_folds(data.windows.groups(protocol.hold_out), protocol.folds)
    results = cross_fit(
        data,
        config,
        folds,
        seed=seed,
        device=device,
        keep=keep / name if keep else None,
        report=lambda text: report(f"{name}: {text}"),
    )
    return report_on(name, protocol, data, results)


def report_on(name: str, protocol: Protocol, data: TrainingWindows, results: tuple[FoldResult, ...]) -> ProtocolReport:
    """Measure what cross-fitted networks said, each calibrated by what the others said of other groups."""
    conditions = protocol.conditions or tuple(item.name for item in data.windows.machine.conditions)
    calibrations = [
        calibrate(data.windows.machine, held_out_windows(data, [other for other in results if other is not result]))
        for result in results
    ]
    return ProtocolReport(
        name=name,
        description=protocol.description,
        windows=len(data.windows),
        groups=len(np.unique(data.windows.groups(protocol.hold_out))),
        folds=len(results),
        conditions={condition: _condition_report(condition, data, results, calibrations) for condition in conditions},
    )


def find_protocol(config: TrainingConfig, name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        TrainingError: the training file has none of that name.
    """
    if name not in config.protocols:
        raise TrainingError(
            f"there is no protocol {name!r}; the training file has: {', '.join(config.protocols) or 'none'}",
            hint="Name one of these, or add it under protocols: in the training file (--config).",
        )
    return config.protocols[name]


def _condition_report(
    condition: str,
    data: TrainingWindows,
    results: tuple[FoldResult, ...],
    calibrations: Sequence[Mapping[str, ConditionCalibration]],
) -> ConditionReport:
    machine = data.windows.machine
    node = machine.component_index[_component(data, condition)]
    level = data.level[:, node]
    parts = []
    for result, calibration in zip(results, calibrations, strict=True):
        if condition not in calibration:
            raise TrainingError(
                f"condition {condition!r} has no label in the windows of the other folds to calibrate by",
                hint="Label the condition in every window, or leave it out of the protocol's conditions.",
            )
        tested = result.fold.test
        missing = np.array([missing_signals(machine, data.examples[index].sample)[node] for index in tested], np.int64)
        parts.append(predict(result.said.fused[:, node], level[tested], missing, calibration[condition]))
    tested = np.concatenate([result.fold.test for result in results])
    groups = data.groups[tested]
    predictions = _join(parts)
    folds = tuple(result.fold for result in results)
    others = run_baselines(data.windows, data.examples, level, folds)
    levels = int(level_counts(machine)[node])
    network = _likeliest(np.concatenate([result.said.network[:, node] for result in results]), levels)
    discriminant = _likeliest(np.concatenate([result.said.discriminant[:, node] for result in results]), levels)
    said: Mapping[str, Int64Array] = {MODEL: predictions.level, NETWORK: network, DISCRIMINANT: discriminant} | {
        name: found[tested] for name, found in others.items()
    }
    return ConditionReport(
        metrics=measure(predictions).as_dict(),
        macro_f1={name: _triple(group_interval(predictions.truth, found, groups)) for name, found in said.items()},
    )


def _likeliest(logits: Float32Array, levels: int) -> Int64Array:
    likeliest: Int64Array = level_probabilities(logits, levels, 1.0).argmax(-1)
    return likeliest


def _component(data: TrainingWindows, condition: str) -> str:
    return next(item.component for item in data.windows.machine.conditions if item.name == condition)


def _join(parts: list[Predictions]) -> Predictions:
    return Predictions(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.level for part in parts]),
        np.concatenate([part.confidence for part in parts]),
        np.concatenate([part.sets for part in parts]),
    )


def _triple(interval: Interval) -> tuple[float, float, float]:
    return interval.value, interval.low, interval.high
