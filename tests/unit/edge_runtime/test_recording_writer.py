import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from edge_runtime.errors import RecordingError
from edge_runtime.quality import Quality, Reason, status
from edge_runtime.reading import Series
from edge_runtime.recording import LABELS, LabelRow, read_recording
from edge_runtime.recording_writer import RecordingWriter, write_recording

STATUSES = [status(Quality.GOOD), status(Quality.BAD, Reason.DEVICE_FAULT), status(Quality.UNCERTAIN, Reason.JUMP)]


def series(start, values, statuses=None):
    times = np.arange(start, start + len(values), dtype=np.int64) * 1000
    return Series.ordered(times, np.array(values), None if statuses is None else np.array(statuses, np.uint8))


def test_portions_are_read_back_as_one_recording(tmp_path):
    with RecordingWriter(tmp_path / "new") as writer:
        writer.write({"PS1": series(0, [1.0, 2.0]), "TS1": series(0, [20.0])})
        writer.write({})
        writer.write({"FS1": series(1, [0.5]), "PS1": series(2, [3.0])})
    assert writer.readings == 5
    found = read_recording(tmp_path / "new").series
    assert {name: one.values.tolist() for name, one in found.items()} == {
        "PS1": [1.0, 2.0, 3.0],
        "TS1": [20.0],
        "FS1": [0.5],
    }
    assert found["PS1"].times_us.tolist() == [0, 1000, 2000]


def test_bad_values_are_nan_and_quality_is_told_on_request(tmp_path):
    with RecordingWriter(tmp_path, with_quality=True) as writer:
        writer.write({"PS1": series(0, [1.0, 2.0, 3.0], STATUSES)})
    np.testing.assert_array_equal(read_recording(tmp_path).series["PS1"].values, [1.0, np.nan, 3.0])
    table = pq.read_table(writer.file)
    assert table["quality"].to_pylist() == ["good", "bad", "uncertain"]
    assert table["reason"].to_pylist() == ["none", "device_fault", "jump"]


def test_a_reason_of_a_newer_version_has_no_name(tmp_path):
    with RecordingWriter(tmp_path, with_quality=True) as writer:
        writer.write({"PS1": series(0, [1.0], [63 << 2])})
    assert pq.read_table(writer.file)["reason"].to_pylist() == [None]


def test_what_was_there_stays_until_the_new_one_is_whole(tmp_path):
    write_recording(tmp_path, {"PS1": series(0, [1.0])})
    (tmp_path / LABELS).write_bytes(b"of the old one")
    with suppress(KeyboardInterrupt), RecordingWriter(tmp_path) as writer:
        writer.write({"PS1": series(0, [9.0])})
        raise KeyboardInterrupt
    assert pq.read_table(writer.file)["value"].to_pylist() == [1.0]
    assert sorted(file.name for file in tmp_path.iterdir()) == [LABELS, "signals.parquet"]
    with RecordingWriter(tmp_path) as writer:
        writer.write({"PS1": series(0, [9.0])})
    assert [file.name for file in tmp_path.iterdir()] == ["signals.parquet"]


def test_writing_without_labels_leaves_no_older_ones(tmp_path):
    write_recording(tmp_path, {"PS1": series(0, [1.0])}, [LabelRow(0, 1, {"valve": 100})])
    write_recording(tmp_path, {"PS1": series(0, [1.0])})
    assert read_recording(tmp_path).labels == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["signals.parquet"]


def test_signals_never_stand_beside_the_labels_of_others(tmp_path, monkeypatch):
    write_recording(tmp_path, {"PS1": series(0, [1.0])}, [LabelRow(0, 60, {"pump": 0})])
    beside = []
    name_it = Path.replace

    def replace(path, target):
        beside.append((tmp_path / LABELS).exists())
        return name_it(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    write_recording(tmp_path, {"PS1": series(0, [2.0])}, [LabelRow(0, 60, {"pump": 1})])
    assert beside == [False, False]


def test_without_a_reading_nothing_is_left_behind(tmp_path):
    with RecordingWriter(tmp_path) as writer:
        pass
    assert writer.readings == 0
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="can't be written"), RecordingWriter(tmp_path / "file" / "folder"):
        pass


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RecordingError, match="pyarrow isn't installed") as refused, RecordingWriter(tmp_path):
        pass
    assert "hydrosight[edge-core]" in refused.value.hint
    assert "--format csv" in refused.value.hint
