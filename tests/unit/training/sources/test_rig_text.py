"""The rig's published text layout: recordings written back to it read the same.

HYDROSIGHT_RIG_RECORDING names the folder of another recording of whole cycles at full rate; two are in the repository.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import RecordingError
from edge_runtime.graph import GraphSample
from edge_runtime.graph_builder import build_graph
from edge_runtime.machine import Machine
from edge_runtime.recording import Recording, read_recording
from edge_runtime.windowing import cut_window
from tests.unit.training.conftest import ROOT
from training.sources.open_source import open_source
from training.sources.rig_text import CYCLE_US, FIRST_CYCLE_US
from training.sources.source import read_source

CONDITIONS = ("cooler", "valve", "pump", "accumulator")
FULL_RATE = ROOT / "configs" / "recordings" / "zema-full-rate"


def write_rig_text(recording: Recording, folder: Path) -> Path:
    """A recording of whole cycles in the layout in which the data set was published."""
    for name, series in recording.series.items():
        cycles = [series.between(row.start_us, row.end_us).values for row in recording.labels]
        lines = ("\t".join(map(repr, cycle.tolist())) for cycle in cycles)
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    profile = ([*(str(row.values[name]) for name in CONDITIONS), str(int(not row.stable))] for row in recording.labels)
    (folder / "profile.txt").write_text("\n".join("\t".join(row) for row in profile) + "\n")
    (folder / "documentation.txt").write_text("Abstract: not a sensor\n")
    return folder


@pytest.fixture(scope="module")
def full_rate() -> Recording:
    return read_recording(Path(os.environ.get("HYDROSIGHT_RIG_RECORDING", FULL_RATE)))


@pytest.fixture
def folder(full_rate: Recording, tmp_path: Path) -> Path:
    return write_rig_text(full_rate, tmp_path)


def test_a_recording_written_back_to_the_rigs_layout_reads_the_same(full_rate: Recording, folder: Path):
    source = open_source(str(folder))
    recording = read_source(source)

    assert source.layout == "text files of the ZeMA rig, 17 sensors"
    assert set(recording.series) == set(full_rate.series)
    for name, series in full_rate.series.items():
        for number, (row, original) in enumerate(zip(recording.labels, full_rate.labels, strict=True)):
            assert row.start_us == FIRST_CYCLE_US + number * CYCLE_US
            found = recording.series[name].between(row.start_us, row.end_us)
            expected = series.between(original.start_us, original.end_us)
            np.testing.assert_array_equal(found.values, expected.values)
            np.testing.assert_array_equal(found.times_us - row.start_us, expected.times_us - original.start_us)
    for row, original in zip(recording.labels, full_rate.labels, strict=True):
        assert {name: row.values[name] for name in CONDITIONS} == {name: original.values[name] for name in CONDITIONS}
        assert row.stable == original.stable


def test_its_windows_make_the_same_graphs_at_every_rate(machine: Machine, full_rate: Recording, folder: Path):
    recording = read_source(open_source(str(folder)))
    for row, original in zip(recording.labels, full_rate.labels, strict=True):
        found, expected = (
            build_graph(machine, cut_window(machine, series, label.start_us, label.end_us))
            for series, label in ((recording.series, row), (full_rate.series, original))
        )
        for name in GraphSample.INPUTS:
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def test_blocks_and_campaigns_follow_from_the_states(sample: Recording, tmp_path: Path):
    labels = open_source(str(write_rig_text(sample, tmp_path))).labels()
    for columns in (("block",), ("campaign",)):
        theirs = [tuple(row.values[name] for name in columns) for row in sample.labels]
        ours = [tuple(row.values[name] for name in columns) for row in labels]
        assert len(set(zip(theirs, ours, strict=True))) == len(set(theirs)) == len(set(ours))


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("PS1.txt", "1\t2\n1\tx\n", "PS1.txt: row 2: could not convert string to float: 'x'"),
        ("PS1.txt", "1\t2\n1\n", "PS1.txt: row 2: has 1 values instead of 2"),
        ("PS1.txt", "1\t2\n", r"PS1.txt: has 1 rows, profile.txt has \d"),
        ("profile.txt", "3\t100\t0\t130\n", "profile.txt: row 1: has 4 values instead of 5"),
    ],
    ids=["no number", "ragged", "short", "profile"],
)
def test_what_is_wrong_is_named_by_file_and_row(folder: Path, file: str, text: str, said: str):
    (folder / file).write_text(text)
    with pytest.raises(RecordingError, match=said) as raised:
        read_source(open_source(str(folder)))
    assert "anew" in raised.value.hint
