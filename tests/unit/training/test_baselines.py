import numpy as np

from training.baselines import CLOCK, LDA, MAJORITY, run_baselines, sensor_features
from training.cross_fit import TrainingWindows
from training.folds import Fold


def test_the_majority_class_and_the_clock_answer_from_the_training_side_alone(data: TrainingWindows):
    count = len(data.windows)
    level = np.zeros(count, np.int64)
    level[-3:] = 1
    fold = Fold(np.arange(0, count, 2), np.arange(1, count, 2))

    found = run_baselines(data.windows, data.examples, level, (fold,))

    assert set(found) == {MAJORITY, CLOCK, LDA}
    assert (found[MAJORITY][fold.test] == 0).all()
    assert (found[MAJORITY][fold.training] == -1).all()
    assert found[CLOCK][fold.test].tolist() != found[MAJORITY][fold.test].tolist()


def test_features_stand_once_for_each_measured_sensor(data: TrainingWindows):
    features = sensor_features(data.windows, data.examples)
    assert features.shape == (len(data.windows), 15 * 34)
    ps1 = [item.window.channels[0].values.mean() for item in data.windows.items]
    assert np.allclose(features[:, 0] * 160, ps1, rtol=1e-5)
