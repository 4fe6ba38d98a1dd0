import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import TrainingError
from edge_runtime.graph import GraphSample
from edge_runtime.graph_builder import build_graph
from edge_runtime.machine import Machine
from edge_runtime.recording import Recording
from edge_runtime.window import Window
from training.dataset import labelled_windows
from training.feature_cache import FeatureCache, default_folder, graphs_key


@pytest.fixture(scope="module")
def windows(machine: Machine, sample: Recording) -> tuple[Window, ...]:
    return tuple(item.window for item in labelled_windows(machine, sample).items[:5])


@pytest.fixture(scope="module")
def graphs(machine: Machine, windows: tuple[Window, ...]) -> tuple[GraphSample, ...]:
    return tuple(build_graph(machine, window) for window in windows)


def same(one: GraphSample, other: GraphSample) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in GraphSample.INPUTS]
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


def test_what_was_kept_comes_back_bit_for_bit_and_may_be_written_to(graphs: tuple[GraphSample, ...], tmp_path: Path):
    FeatureCache(tmp_path / "new").put("key", graphs)
    found = FeatureCache(tmp_path / "new").get("key")
    assert found is not None
    assert all(same(one, other) for one, other in zip(graphs, found, strict=True))
    assert all(getattr(found[0], name).flags.writeable for name in GraphSample.INPUTS)
    assert FeatureCache(tmp_path).get("another") is None


@pytest.mark.parametrize("place", [0, 0.5, 0.999])
def test_one_wrong_bit_anywhere_makes_a_file_missing(graphs: tuple[GraphSample, ...], tmp_path: Path, place: float):
    cache = FeatureCache(tmp_path)
    cache.put("key", graphs)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    assert cache.get("key") is None


def test_a_file_cut_off_anywhere_is_missing(graphs: tuple[GraphSample, ...], tmp_path: Path):
    cache = FeatureCache(tmp_path)
    cache.put("key", graphs)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for length in (0, 1, 32, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert cache.get("key") is None


def test_a_damaged_file_is_replaced(graphs: tuple[GraphSample, ...], tmp_path: Path):
    cache = FeatureCache(tmp_path)
    (tmp_path / "key.graphs").write_bytes(b"nonsense")
    cache.put("key", graphs)
    assert cache.get("key") is not None


def test_what_was_unused_for_longest_goes_first(graphs: tuple[GraphSample, ...], tmp_path: Path):
    FeatureCache(tmp_path).put("a", graphs)
    size = (tmp_path / "a.graphs").stat().st_size
    cache = FeatureCache(tmp_path, limit_bytes=round(2.5 * size))
    os.utime(tmp_path / "a.graphs", (1000, 1000))
    cache.put("b", graphs)
    os.utime(tmp_path / "b.graphs", (2000, 2000))
    assert cache.get("a") is not None
    cache.put("c", graphs)
    assert {path.name for path in tmp_path.iterdir()} == {"a.graphs", "c.graphs"}


def test_what_a_killed_run_left_half_written_is_cleared_after_an_hour(graphs: tuple[GraphSample, ...], tmp_path: Path):
    for name, age_s in (("old.partial", 4000), ("new.partial", 1000)):
        (tmp_path / name).write_bytes(b"half")
        FeatureCache(tmp_path).put("a", graphs)
        written = (tmp_path / "a.graphs").stat().st_mtime
        os.utime(tmp_path / name, (written - age_s, written - age_s))
    FeatureCache(tmp_path).put("a", graphs)
    assert {path.name for path in tmp_path.iterdir()} == {"a.graphs", "new.partial"}


def test_files_that_another_process_takes_away_meanwhile_do_not_matter(
    graphs: tuple[GraphSample, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda folder: [*listed(folder), folder / "renamed.partial"])
    cache = FeatureCache(tmp_path)
    cache.put("key", graphs)
    assert cache.get("key") is not None


def test_a_folder_that_can_not_be_written_says_how_to_do_without(graphs: tuple[GraphSample, ...], tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TrainingError, match="the cache can't be written") as raised:
        FeatureCache(tmp_path / "file").put("key", graphs)
    assert "--no-cache" in raised.value.hint


def test_the_folder_is_where_the_environment_says():
    assert default_folder({"XDG_CACHE_HOME": "/somewhere"}) == Path("/somewhere/hydrosight/graphs")
    assert default_folder({}) == Path.home() / ".cache" / "hydrosight" / "graphs"


def test_any_change_of_signal_machine_or_code_is_another_key(
    machine: Machine, windows: tuple[Window, ...], monkeypatch: pytest.MonkeyPatch
):
    def changed(**channel: object) -> Window:
        first = windows[0].channels[0]
        return replace(windows[0], channels=(replace(first, **channel), *windows[0].channels[1:]))

    samples = windows[0].channels[0].values.copy()
    samples[7] = np.nextafter(samples[7], np.float32(np.inf))
    others = [
        graphs_key(machine, windows[:1]),
        graphs_key(machine, windows[1:2]),
        graphs_key(machine, windows[:2]),
        graphs_key(machine, [changed(values=samples)]),
        graphs_key(machine, [changed(values=samples[:0])]),
        graphs_key(machine, [changed(step_us=5)]),
        graphs_key(machine, [replace(windows[0], end_us=windows[0].end_us + 1)]),
        graphs_key(machine.model_copy(update={"name": "other"}), windows[:1]),
    ]
    monkeypatch.setattr("training.feature_cache._code", lambda: b"another version")
    others.append(graphs_key(machine, windows[:1]))
    assert len(set(others)) == len(others)
    monkeypatch.undo()
    assert graphs_key(machine, windows[:1]) == others[0]
