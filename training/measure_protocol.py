"""From answers to what a protocol measured. Pure: no model is run here."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from edge_runtime.errors import TrainingError
from edge_runtime.graph import Int64Array
from edge_runtime.machine import Condition
from training.answers import Answer, Answers, Asked
from training.baselines.contenders import CONTENDERS
from training.dataset import LabelledWindows
from training.intervals import (
    calibration_counts,
    calibration_error_of,
    confusion_counts,
    interval,
    macro_f1_of,
    mean_counts,
    mean_of,
)
from training.metrics import ConditionMetrics, Float64Array, Predictions, measure
from training.model_answers import DISCRIMINANT, MODEL, NETWORK
from training.protocol_kinds import Control, Protocol
from training.protocol_report import (
    AblatedScore,
    ConditionReport,
    HealthCurve,
    MissingReport,
    ProtocolReport,
    Score,
)

ORDER = (MODEL, NETWORK, DISCRIMINANT, *(contender.name for contender in CONTENDERS))
"""In which reports show contenders."""


class Answered:
    """All answers of several seeds, joined over folds, with the truth beside them.

    Args:
        windows: all windows.
        groups: int64 [windows], what intervals are drawn by.
        answers: by seed, of each fold; models and simple models may come apart.
    """

    def __init__(self, windows: LabelledWindows, groups: Int64Array, answers: Mapping[int, Sequence[Answers]]) -> None:
        self.windows = windows
        self.seeds = tuple(answers)
        self._answers = answers
        self._groups = groups
        self._levels: dict[str, Int64Array] = {}

    def contenders(self, condition: str, missing: int = 0) -> tuple[str, ...]:
        """Who answered, in the order of reports."""
        asked = {key for each in self._answers.values() for answers in each for key in answers.said}
        return tuple(name for name in ORDER if Asked(condition, name, missing) in asked)

    def tested(self) -> Int64Array:
        """Numbers of the windows that were tested, in order."""
        return np.unique(np.concatenate([answers.test for answers in self._answers[self.seeds[0]]]))

    def joined(self, asked: Asked, seed: int) -> tuple[Int64Array, Answer]:
        """Labelled windows tested under a seed, in order, and the answer to them."""
        found = [(each.test, each.said[asked]) for each in self._answers[seed] if asked in each.said]
        if not found:
            raise TrainingError(
                f"condition {asked.condition!r} has no label in the windows of other groups to calibrate by",
                hint="Label the condition in every window, or leave it out of the protocol's conditions.",
            )
        test = np.concatenate([rows for rows, _ in found])
        order = np.argsort(test)
        order = order[self.truth(asked.condition)[test[order]] >= 0]
        parts = [answer for _, answer in found]
        level = np.concatenate([part.level for part in parts])[order]
        probabilities = [part.probabilities for part in parts if part.probabilities is not None]
        sets = [part.sets for part in parts if part.sets is not None]
        return test[order], Answer(
            level,
            np.concatenate(probabilities)[order] if probabilities else None,
            np.concatenate(sets)[order] if sets else None,
        )

    def truth(self, condition: str) -> Int64Array:
        """int64 [windows], −1 where unlabelled."""
        if condition not in self._levels:
            self._levels[condition] = self.windows.levels(condition)
        return self._levels[condition]

    def confusion(self, asked: Asked, levels: int) -> Float64Array:
        """[seeds, groups, levels, levels + 1]."""
        counts = []
        for seed in self.seeds:
            test, answer = self.joined(asked, seed)
            counts.append(confusion_counts(self.truth(asked.condition)[test], answer.level, self._groups[test], levels))
        return np.stack(counts)

    def predictions(self, condition: str, seed: int) -> tuple[Int64Array, Predictions]:
        """The model's windows, and what it said of them."""
        test, answer = self.joined(Asked(condition, MODEL), seed)
        assert answer.probabilities is not None  # noqa: S101 - the model's answers have them
        assert answer.sets is not None  # noqa: S101
        confidence = np.where(answer.level < 0, np.nan, answer.probabilities.max(1))
        return test, Predictions(self.truth(condition)[test], answer.level, confidence, answer.sets)

    @property
    def group_count(self) -> int:
        """How many groups were tested."""
        return len(np.unique(self._groups[self.tested()]))

    def groups(self, rows: Int64Array) -> Int64Array:
        """Groups of some windows."""
        return self._groups[rows]


def measure_protocol(
    name: str,
    protocol: Protocol,
    answered: Answered,
    *,
    folds: int,
    grouped_by: tuple[str, ...],
    missing: tuple[int, ...] = (),
    network: bool = True,
) -> ProtocolReport:
    """Everything that a protocol's report shows.

    Raises:
        TrainingError: a condition could not be calibrated, or the machine doesn't have it.
    """
    machine = answered.windows.machine
    by_name = {condition.name: condition for condition in machine.conditions}
    if unknown := [one for one in protocol.conditions if one not in by_name]:
        raise TrainingError(
            f"protocol {name!r} measures {', '.join(unknown)}; machine {machine.name!r} has: {', '.join(by_name)}",
            hint="Name conditions of the machine under conditions in the training file (--config).",
        )
    tested = answered.tested()
    return ProtocolReport(
        name=name,
        protocol=protocol,
        windows=len(tested),
        groups=answered.group_count,
        grouped_by=grouped_by,
        folds=folds,
        seeds=answered.seeds,
        network=network,
        conditions={
            one: _condition_report(by_name[one], protocol, answered, missing)
            for one in protocol.conditions or tuple(by_name)
        },
    )


def _condition_report(
    condition: Condition, protocol: Protocol, answered: Answered, missing: tuple[int, ...]
) -> ConditionReport:
    levels = len(condition.levels)
    confusions = {
        name: answered.confusion(Asked(condition.name, name), levels) for name in answered.contenders(condition.name)
    }
    said = [answered.predictions(condition.name, seed) for seed in answered.seeds]
    metrics = [measure(predictions).as_dict() for _, predictions in said]
    reliability = np.stack(
        [calibration_counts(item.confidence, item.level == item.truth, answered.groups(test)) for test, item in said]
    )
    model = confusions[MODEL] if MODEL in confusions else answered.confusion(Asked(condition.name, MODEL), levels)
    return ConditionReport(
        labels=tuple(str(level.label) for level in condition.levels),
        metrics={key: float(np.mean([each[key] for each in metrics])) for key in ConditionMetrics.__dataclass_fields__},
        intervals={
            "ece": Score.of(interval(reliability, calibration_error_of)),
            "coverage_90": _mean(answered, said, lambda item: item.sets[np.arange(len(item.truth)), item.truth]),
            "mean_set_size": _mean(answered, said, lambda item: item.sets.sum(1)),
        },
        macro_f1={name: Score.of(interval(counts, macro_f1_of)) for name, counts in confusions.items()},
        seeds={name: _range(macro_f1_of(counts.sum(1))) for name, counts in confusions.items()},
        confusion=tuple(tuple(int(cell) for cell in row) for row in model.sum((0, 1))),
        reliability=_bins(reliability.sum((0, 1))),
        health=_health(condition, answered),
        missing={count: _missing_report(condition, answered, count, confusions) for count in missing},
        called=_called(condition, protocol, answered) if isinstance(protocol, Control) else {},
    )


def _mean(
    answered: Answered,
    said: Sequence[tuple[Int64Array, Predictions]],
    value: Callable[[Predictions], np.ndarray],
) -> Score:
    counts = [mean_counts(np.asarray(value(item), np.float64), answered.groups(test)) for test, item in said]
    return Score.of(interval(np.stack(counts), mean_of))


def _range(values: Float64Array) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _bins(counts: Float64Array) -> tuple[tuple[int, float, float], ...]:
    filled = counts[counts[:, 0] > 0]
    return tuple((int(n), float(confidence / n), float(right / n)) for n, confidence, right in filled)


def _health(condition: Condition, answered: Answered) -> HealthCurve:
    scale = np.array([level.health for level in condition.levels])
    rows, said = [], []
    for seed in answered.seeds:
        test, answer = answered.joined(Asked(condition.name, MODEL), seed)
        assert answer.probabilities is not None  # noqa: S101 - the model's answers have them
        rows.append(test)
        said.append(answer.probabilities @ scale)
    labelled = scale[answered.truth(condition.name)[rows[0]]]
    return HealthCurve(
        window=tuple(rows[0].tolist()),
        labelled=tuple(labelled.round(3).tolist()),
        said=tuple(np.mean(said, axis=0).round(3).tolist()),
    )


def _missing_report(
    condition: Condition, answered: Answered, missing: int, whole: Mapping[str, Float64Array]
) -> MissingReport:
    scores, lost = {}, {}
    for name in answered.contenders(condition.name, missing):
        counts = answered.confusion(Asked(condition.name, name, missing), len(condition.levels))
        scores[name] = Score.of(interval(counts, macro_f1_of))
        lost[name] = paired_difference(counts, whole[name])
    return MissingReport(macro_f1=scores, lost=lost)


def paired_difference(less: Float64Array, more: Float64Array) -> Score:
    """By how much macro-F1 of one confusion [seeds, groups, m, m + 1] exceeds the other's, groups drawn for both."""
    pair = np.stack([less, more], axis=2)
    return Score.of(interval(pair, lambda counts: macro_f1_of(counts[:, 1]) - macro_f1_of(counts[:, 0])))


def measure_ablation(
    condition: Condition, contender: str, as_it_is: Answered, ablated: Answered
) -> AblatedScore | None:
    """An ablated model beside the model as it is; None where the ablation leaves that contender out."""
    asked, levels = Asked(condition.name, contender), len(condition.levels)
    if contender not in ablated.contenders(condition.name):
        return None
    counts = ablated.confusion(asked, levels)
    return AblatedScore(
        macro_f1=Score.of(interval(counts, macro_f1_of)),
        difference=paired_difference(as_it_is.confusion(asked, levels), counts),
    )


def _called(condition: Condition, protocol: Control, answered: Answered) -> dict[str, tuple[float, ...]]:
    """Share of the windows that each contender calls one of the levels of each expected share."""
    picked = [
        [index for index, level in enumerate(condition.levels) if level.label in share.labels]
        for share in protocol.shares
    ]
    called = {}
    for name in answered.contenders(condition.name):
        levels = [answered.joined(Asked(condition.name, name), seed)[1].level for seed in answered.seeds]
        called[name] = tuple(float(np.mean([np.isin(level, each).mean() for level in levels])) for each in picked)
    return called
