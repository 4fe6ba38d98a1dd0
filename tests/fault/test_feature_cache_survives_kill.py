"""A training run that is killed while it fills the cache of graphs leaves nothing wrong in it."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from edge_runtime.graph import GraphSample
from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording
from tests.unit.training.conftest import MACHINE_FILE, ROOT, SAMPLE
from training.dataset import labelled_windows
from training.feature_cache import FeatureCache
from training.graph_making import GraphMaking, make_graphs

FILL = """
import sys
from pathlib import Path
from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording
from training.dataset import labelled_windows
from training.feature_cache import FeatureCache
from training.graph_making import GraphMaking, make_graphs

machine = load_machine(Path("configs/machines/zema.yaml"))
items = labelled_windows(machine, read_recording(Path("configs/recordings/zema-sample"))).items
making = GraphMaking(FeatureCache(Path(sys.argv[1])))
print("begun", flush=True)
for turn in range(1000):
    windows = [item.window for item in items[turn % len(items) :]]
    tuple(make_graphs(machine, windows, making))
    print(turn, flush=True)
"""
KILLS = 4


def test_what_a_killed_run_leaves_is_whole_or_counts_as_missing(tmp_path: Path):
    machine = load_machine(MACHINE_FILE)
    windows = [item.window for item in labelled_windows(machine, read_recording(SAMPLE)).items]
    expected = tuple(make_graphs(machine, windows, GraphMaking()))
    chance = random.Random(4)
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", FILL, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert child.stdout is not None
        # At some moment of the second or third file: making and writing one takes longer than this waits.
        for _ in range(chance.choice((2, 3))):
            assert child.stdout.readline()
        try:
            child.wait(chance.uniform(0, 0.1))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        child.stdout.close()

        cache = FeatureCache(tmp_path)
        files = [path for path in tmp_path.iterdir() if path.suffix == ".graphs"]
        assert files
        assert all(cache.get(path.stem) is not None for path in files)
        found = tuple(make_graphs(machine, windows, GraphMaking(cache)))
        for name in GraphSample.INPUTS:
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
