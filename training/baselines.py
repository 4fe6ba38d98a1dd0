"""What a model has to beat: nothing learned, the clock, and what an engineer runs in a minute."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge_runtime.graph import Int64Array
from edge_runtime.vocabulary import CANONICAL_CHANNELS, Port
from training.dataset import Example, LabelledWindows
from training.folds import Fold

MAJORITY, CLOCK, LDA = "majority class", "clock", "features + LDA"
SELECTED = 60

Float64Array = npt.NDArray[np.float64]


def run_baselines(
    windows: LabelledWindows, examples: tuple[Example, ...], level: Int64Array, folds: tuple[Fold, ...]
) -> Mapping[str, Int64Array]:
    """Levels that each baseline gives on the folds' test windows.

    The majority class of the training windows; the clock, the level of the training window nearest in time, which
    sees no sensor at all; and the 60 best `classic-34` features with shrinkage LDA.

    Args:
        windows: all windows.
        examples: their graphs.
        level: int64 [windows], one condition's levels, −1 where unlabelled.
        folds: which windows may be learned from to test which.

    Returns:
        By baseline, int64 [windows]; −1 in windows that no fold tests.
    """
    start = np.array([[item.window.start_us] for item in windows.items], np.float64)
    contenders: dict[str, tuple[Any, Float64Array]] = {
        MAJORITY: (DummyClassifier(strategy="most_frequent"), start),
        CLOCK: (KNeighborsClassifier(1), start),
        LDA: (_lda(), sensor_features(windows, examples)),
    }
    found = {name: np.full(len(windows), -1, np.int64) for name in contenders}
    for fold in folds:
        training = fold.training[level[fold.training] >= 0]
        for name, (classifier, features) in contenders.items():
            classifier.fit(features[training], level[training])
            found[name][fold.test] = classifier.predict(features[fold.test])
    return found


def sensor_features(windows: LabelledWindows, examples: tuple[Example, ...]) -> Float64Array:
    """`classic-34` of each sensor at its own place, float64 [windows, sensors · 34]; what is missing is 0."""
    places = [
        (windows.machine.component_index[sensor.component], CANONICAL_CHANNELS.index(sensor.port))
        for sensor in windows.machine.sensors
        if sensor.port is not Port.COMPUTED
    ]
    node, channel = np.array(places).T
    features = np.stack([example.sample.features for example in examples]).astype(np.float64)
    by_channel = features.reshape(*features.shape[:2], len(CANONICAL_CHANNELS), -1)
    return by_channel[:, node, channel].reshape(len(examples), -1)


def _lda() -> Any:  # noqa: ANN401 - scikit-learn is untyped
    return make_pipeline(
        VarianceThreshold(1e-12),
        StandardScaler(),
        SelectKBest(f_classif, k=SELECTED),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    )
