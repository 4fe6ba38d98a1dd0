"""How much fewer errors there are among the answers that a model is surer of."""

from dataclasses import dataclass

import numpy as np

from training.metrics import ABSTAINED, Predictions

SHARES = (1.0, 0.95, 0.9, 0.8, 0.5)


@dataclass(frozen=True, slots=True)
class RiskAtCoverage:
    """One point of the curve.

    Attributes:
        coverage: share of all windows that are answered when only the surest are.
        accuracy: of these; 1 − risk.
        confidence: of the least sure of them.
    """

    coverage: float
    accuracy: float
    confidence: float


def risk_coverage(predictions: Predictions) -> tuple[RiskAtCoverage, ...]:
    """Accuracy among the surest windows, from all that are answered down to half (El-Yaniv, Wiener, JMLR 11, 2010).

    Abstentions are answered at no coverage: where a tenth of the windows are, the curve begins at .9. Windows that are
    equally sure come or go together.
    """
    answered = np.flatnonzero(predictions.level != ABSTAINED)
    if not len(answered):
        return ()
    order = answered[np.argsort(-predictions.confidence[answered], kind="stable")]
    confidence = predictions.confidence[order]
    right = np.cumsum(predictions.level[order] == predictions.truth[order])
    windows = len(predictions.truth)
    points = []
    for share in SHARES:
        wanted = min(max(1, round(share * windows)), len(order))
        last = int(np.flatnonzero(confidence >= confidence[wanted - 1])[-1])
        points.append(RiskAtCoverage((last + 1) / windows, float(right[last] / (last + 1)), float(confidence[last])))
    return tuple(dict.fromkeys(points))
