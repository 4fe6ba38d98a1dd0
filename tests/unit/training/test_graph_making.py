from pathlib import Path

import numpy as np
import pytest

from edge_runtime.graph import GraphSample
from edge_runtime.machine import Machine
from edge_runtime.recording import Recording
from edge_runtime.window import Window
from training.dataset import labelled_windows
from training.feature_cache import FeatureCache
from training.graph_making import GraphMaking, make_graphs


@pytest.fixture(scope="module")
def windows(machine: Machine, sample: Recording) -> tuple[Window, ...]:
    own = tuple(item.window for item in labelled_windows(machine, sample).items)
    return own * 2


@pytest.fixture(scope="module")
def plain(machine: Machine, windows: tuple[Window, ...]) -> tuple[GraphSample, ...]:
    return tuple(make_graphs(machine, windows, GraphMaking()))


def assert_same(one: tuple[GraphSample, ...], other: tuple[GraphSample, ...]) -> None:
    for name in GraphSample.INPUTS:
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_several_processes_make_the_same_in_the_same_order(
    machine: Machine, windows: tuple[Window, ...], plain: tuple[GraphSample, ...]
):
    done: list[int] = []
    assert_same(tuple(make_graphs(machine, windows, GraphMaking(workers=2), done.append)), plain)
    assert done == [64, len(windows)]


def test_what_the_cache_holds_is_not_made_again(
    machine: Machine, windows: tuple[Window, ...], plain: tuple[GraphSample, ...], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    making = GraphMaking(FeatureCache(tmp_path))
    assert_same(tuple(make_graphs(machine, windows, making)), plain)
    monkeypatch.setattr("training.graph_making.build_graphs", lambda *_: pytest.fail("made again"))
    assert_same(tuple(make_graphs(machine, windows, making)), plain)


def test_a_damaged_file_is_made_again_and_the_others_are_not(
    machine: Machine, windows: tuple[Window, ...], plain: tuple[GraphSample, ...], tmp_path: Path
):
    making = GraphMaking(FeatureCache(tmp_path))
    assert len(tuple(make_graphs(machine, windows, making))) == len(windows)
    damaged, whole = sorted(tmp_path.iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-1])
    before = whole.stat().st_ino
    assert_same(tuple(make_graphs(machine, windows, making)), plain)
    assert_same(tuple(make_graphs(machine, windows, making)), plain)
    assert whole.stat().st_ino == before


def test_graphs_come_before_all_windows_are_done(machine: Machine, windows: tuple[Window, ...]):
    done: list[int] = []
    graphs = make_graphs(machine, windows, GraphMaking(), done.append)
    assert next(graphs).nodes == len(machine.components)
    assert done == []
