"""Evaluate a bundle on a labelled recording, by the code that runs on a box. No torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from edge_runtime.backends.base import Backend
from edge_runtime.bundle import Bundle
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.diagnosis import ComponentDiagnosis, Diagnosis
from edge_runtime.graph import Int64Array
from edge_runtime.machine import Condition
from training.dataset import LabelledWindows
from training.metrics import ABSTAINED, ConditionMetrics, Predictions, measure
from training.risk_coverage import RiskAtCoverage, risk_coverage

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether a bundle knows what it knows of one condition.

    Attributes:
        answered_accuracy: accuracy where it didn't abstain; 0 when it always did.
        outside: share of windows outside of the model's training, judged with caution or not at all.
        unlike: share of windows on which it abstained for that.
        risk_coverage: accuracy among the surest windows.
    """

    answered_accuracy: float
    outside: float
    unlike: float
    risk_coverage: tuple[RiskAtCoverage, ...]


class Evaluation(BaseModel):
    """How good a bundle's diagnoses of a recording are; its JSON is what `evaluate --json` prints.

    Attributes:
        windows: label rows marked stable, one window each.
        components: metrics by condition name.
        trust: by condition name.
        knows_its_training: the bundle says where signals were in training; otherwise no window is outside of it.
    """

    model_config = ConfigDict(frozen=True)

    windows: int
    components: dict[str, ConditionMetrics]
    trust: dict[str, Trust]
    knows_its_training: bool


def evaluate(
    bundle: Bundle, backend: Backend, windows: LabelledWindows, *, report: Callable[[int], None] = lambda _: None
) -> Evaluation:
    """Diagnose every window and compare with its labels.

    Args:
        bundle: what is evaluated.
        backend: has the bundle's model loaded.
        windows: labelled windows of the machine.
        report: called with the number of windows done.

    Raises:
        BackendError: the engine failed.
    """
    diagnoser = Diagnoser(windows.machine, bundle, backend)
    diagnoses: list[Diagnosis] = []
    for start in range(0, len(windows), _BATCH):
        diagnoses += diagnoser.diagnose_many([item.window for item in windows.items[start : start + _BATCH]])
        report(len(diagnoses))
    measured, trust = {}, {}
    for condition in windows.machine.conditions:
        truth = windows.levels(condition.name)
        labelled = np.flatnonzero(truth >= 0)
        if len(labelled):
            said = [diagnoses[index].component(condition.component) for index in labelled]
            predictions = _predictions(condition, truth[labelled], said)
            measured[condition.name] = measure(predictions)
            trust[condition.name] = _trust(predictions, said)
    return Evaluation(windows=len(windows), components=measured, trust=trust, knows_its_training=bool(bundle.regions))


def _trust(predictions: Predictions, said: Sequence[ComponentDiagnosis]) -> Trust:
    answered = predictions.level != ABSTAINED
    right = predictions.level == predictions.truth
    outside = np.array([item.novelty is not None and item.novelty > 1 for item in said])
    return Trust(
        answered_accuracy=float(right[answered].mean()) if answered.any() else 0.0,
        outside=float(outside.mean()),
        unlike=float((outside & ~answered).mean()),
        risk_coverage=risk_coverage(predictions),
    )


def _predictions(condition: Condition, truth: Int64Array, said: Sequence[ComponentDiagnosis]) -> Predictions:
    labels = [str(level.label) for level in condition.levels]
    level = np.array([ABSTAINED if item.level is None else labels.index(item.level) for item in said], np.int64)
    confidence = np.array([np.nan if item.confidence is None else item.confidence for item in said], np.float64)
    sets = np.array([[item.abstained or label in item.conformal_set for label in labels] for item in said], np.bool_)
    return Predictions(truth, level, confidence, sets)
