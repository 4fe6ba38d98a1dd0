import os
import subprocess
import sys

import numpy as np
import pytest

from tests.models.small_rig import MACHINE, small_recording
from training.baselines.contenders import CLOCK, CONTENDERS, MAJORITY, MINIROCKET, BaselineInputs, ask_contender
from training.baselines.estimators import PcaResidual
from training.baselines.inputs import sensor_cycles, sensor_features
from training.dataset import build_examples, labelled_windows

LEARNERS = [one for one in CONTENDERS if one.name not in {MAJORITY, CLOCK, MINIROCKET}]


@pytest.fixture(scope="module")
def inputs() -> tuple[BaselineInputs, np.ndarray]:
    windows = labelled_windows(MACHINE, small_recording())
    samples = [example.sample for example in build_examples(windows, sensor_drop=0.0, seed=0)]
    start = np.array([[item.window.start_us] for item in windows.items], np.float64)
    read = BaselineInputs(start, sensor_features(MACHINE, samples), sensor_cycles(MACHINE, samples))
    return read, windows.levels("valve")


@pytest.mark.parametrize("contender", LEARNERS, ids=lambda one: one.name)
def test_a_simple_model_learns_what_is_there_and_speaks_without_a_sensor(
    inputs: tuple[BaselineInputs, np.ndarray], contender
):
    read, level = inputs
    test = np.arange(0, 84, 3)
    training = np.setdiff1d(np.arange(84), test)
    whole = read.rows(test)
    features, cycles = whole.features.copy(), whole.cycles.copy()
    features[:, :34], cycles[:, 0] = np.nan, np.nan
    tests = {0: whole, 1: BaselineInputs(whole.start, features, cycles)}

    found = ask_contender(contender, read.rows(training), level[training], tests, seed=0)

    assert (found[0] == level[test]).mean() > 0.8
    assert set(found[1]) <= {0, 1}


def test_missing_is_nan_and_never_a_zero(inputs: tuple[BaselineInputs, np.ndarray]):
    read, _ = inputs
    assert read.features.shape == (84, 3 * 34)
    assert read.cycles.shape == (84, 3, 64)
    assert np.isfinite(read.cycles).any()
    assert not (read.cycles == 0).any()


def test_a_row_is_of_the_level_that_leaves_the_least_unexplained():
    random = np.random.default_rng(0)
    along = [np.outer(random.normal(size=50), axis) for axis in np.eye(4)[:2]]
    rows = np.concatenate(along) + random.normal(scale=0.01, size=(100, 4))
    level = np.repeat([0, 3], 50)
    assert (PcaResidual().fit(rows, level).predict(rows) == level).mean() > 0.9


def test_minirocket_is_the_library_s():
    """Without compiling it, which takes half a minute: in a process of its own."""
    code = (
        "import numpy as np; from training.baselines.estimators import MiniRocket; "
        "x = np.random.default_rng(0).normal(size=(12, 2, 32)); "
        "a, b = (MiniRocket(84, seed).fit(x).transform(x) for seed in (1, 1)); "
        "assert a.shape == (12, 84) and (a == b).all() and a.std(0).max() > 0"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=environment)
