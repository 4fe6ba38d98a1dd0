"""A fold's answers are calibrated by what other folds' models said, never by its own."""

from dataclasses import replace

import numpy as np

from training.answers import Asked
from training.cross_fit import TrainingWindows
from training.folds import group_folds
from training.model_answers import DEGRADED, MODEL, WHOLE, Heard, ModelAnswers, calibrated_answers


def said_by(data: TrainingWindows, test: np.ndarray, sharpness: float) -> ModelAnswers:
    """A model that is right about every other window, and equally sure of all."""
    random = np.random.default_rng(len(test))
    logits = (sharpness * random.standard_normal((len(test), data.level.shape[1], 4))).astype(np.float32)
    heard = Heard(logits, logits, logits, np.zeros(logits.shape[:2], np.int64))
    return ModelAnswers(test, {WHOLE: heard, DEGRADED: heard}, test[:1], heard, np.zeros(1, np.float32), 1)


def test_what_a_model_said_of_its_own_test_windows_does_not_calibrate_it(small: TrainingWindows):
    folds = group_folds(small.groups, 3)
    said = [said_by(small, fold.test, 2.0) for fold in folds]
    own = said[0].heard[DEGRADED]
    surer = replace(said[0], heard={**said[0].heard, DEGRADED: own._replace(fused=20 * own.fused)})

    before, after = calibrated_answers(small, said), calibrated_answers(small, [surer, *said[1:]])

    asked = Asked("pump", MODEL, WHOLE)
    np.testing.assert_array_equal(before[0].said[asked].probabilities, after[0].said[asked].probabilities)
    assert not np.array_equal(before[1].said[asked].probabilities, after[1].said[asked].probabilities)
