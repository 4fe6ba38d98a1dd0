"""Evaluate a bundle on a labelled recording, by the code that runs on a box. No torch."""

from collections.abc import Callable, Sequence

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

_BATCH = 64


class Evaluation(BaseModel):
    """How good a bundle's diagnoses of a recording are; its JSON is what `evaluate --json` prints.

    Attributes:
        windows: label rows marked stable, one window each.
        components: metrics by condition name.
    """

    model_config = ConfigDict(frozen=True)

    windows: int
    components: dict[str, ConditionMetrics]


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
    measured = {}
    for condition in windows.machine.conditions:
        truth = windows.levels(condition.name)
        labelled = np.flatnonzero(truth >= 0)
        if len(labelled):
            said = [diagnoses[index].component(condition.component) for index in labelled]
            measured[condition.name] = measure(_predictions(condition, truth[labelled], said))
    return Evaluation(windows=len(windows), components=measured)


def _predictions(condition: Condition, truth: Int64Array, said: Sequence[ComponentDiagnosis]) -> Predictions:
    labels = [str(level.label) for level in condition.levels]
    level = np.array([ABSTAINED if item.level is None else labels.index(item.level) for item in said], np.int64)
    confidence = np.array([np.nan if item.confidence is None else item.confidence for item in said], np.float64)
    sets = np.array([[item.abstained or label in item.conformal_set for label in labels] for item in said], np.bool_)
    return Predictions(truth, level, confidence, sets)
