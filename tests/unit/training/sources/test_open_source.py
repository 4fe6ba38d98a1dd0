from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import ConfigurationError, RecordingError
from edge_runtime.machine import Machine
from edge_runtime.recording import read_recording
from tests.unit.training.conftest import SAMPLE
from training.sources.open_source import open_source, read_address
from training.sources.source import import_source

CSV = "timestamp,PS1\n" + "".join(f"{1_769_867_100 + second},{second}\n" for second in range(5))


def test_each_layout_is_told_by_what_lies_there(tmp_path: Path):
    (tmp_path / "a.csv").write_text(CSV)
    assert open_source(str(SAMPLE)).layout == "recording (Parquet)"
    assert open_source(str(SAMPLE / "signals.parquet")).layout == "recording (Parquet)"
    assert open_source(str(tmp_path)).layout == "CSV, one file: a column a sensor, commas between cells"
    assert open_source(str(tmp_path / "a.csv")).layout.startswith("CSV, one file")
    assert "TimescaleDB" in open_source("timescaledb:press-1").layout
    (tmp_path / "profile.txt").write_text("")
    assert open_source(str(tmp_path)).layout.startswith("text files of the ZeMA rig")


@pytest.mark.parametrize("name", ["nowhere", "empty", "notes.txt"])
def test_an_address_of_nothing_known_says_what_can_be_named(tmp_path: Path, name: str):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(RecordingError, match=name) as raised:
        open_source(str(tmp_path / name))
    assert "timescaledb:MACHINE" in raised.value.hint


@pytest.mark.parametrize("address", ["timescaledb:m?from=2026-01-01", "timescaledb:m?since=yesterday"])
def test_an_address_of_a_database_is_checked(address: str):
    with pytest.raises(ConfigurationError, match="timescaledb:m"):
        open_source(address)


def test_what_it_was_taken_for_is_told(machine: Machine):
    said: list[str] = []
    read_address(str(SAMPLE), machine, said.append)
    assert said == [f"reading {SAMPLE}: recording (Parquet)"]


def test_what_is_imported_reads_the_same_and_tells_how_far_it_is(tmp_path: Path):
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "labels.csv").write_text("start,end,pump\n1769867100,1769867105,0\n")
    source, done = open_source(str(tmp_path)), list[int]()
    assert import_source(source, tmp_path / "recording", done.append) == 5
    recording = read_recording(tmp_path / "recording")
    np.testing.assert_array_equal(recording.series["PS1"].values, range(5))
    assert recording.labels == source.labels()
    assert done == [source.size]


def test_a_fault_halfway_leaves_the_recording_that_was_there(tmp_path: Path):
    (tmp_path / "a.csv").write_text(CSV)
    import_source(open_source(str(tmp_path / "a.csv")), tmp_path / "recording")
    (tmp_path / "a.csv").write_text(CSV + "1769867200,x\n")
    with pytest.raises(RecordingError):
        import_source(open_source(str(tmp_path / "a.csv")), tmp_path / "recording")
    assert len(read_recording(tmp_path / "recording").series["PS1"]) == 5
    assert [path.name for path in (tmp_path / "recording").iterdir()] == ["signals.parquet"]


def test_an_empty_source_makes_no_recording(tmp_path: Path):
    (tmp_path / "a.csv").write_text("timestamp,PS1\n")
    with pytest.raises(RecordingError, match="holds no reading"):
        import_source(open_source(str(tmp_path)), tmp_path / "recording")
    assert not (tmp_path / "recording" / "signals.parquet").exists()
