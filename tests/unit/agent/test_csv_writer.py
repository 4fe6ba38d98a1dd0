import csv
from contextlib import suppress

import numpy as np
import pytest

from agent.csv_writer import CsvWriter
from edge_runtime.errors import RecordingError
from edge_runtime.quality import Quality, Reason, status
from edge_runtime.reading import Series

STATUSES = np.array([status(Quality.GOOD), status(Quality.BAD, Reason.DEVICE_FAULT)], np.uint8)
SERIES = Series(np.array([0, 1_767_225_600_000_001]), np.array([0.1, 2.0]), STATUSES)


def rows(file):
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.reader(text))


def test_times_are_utc_to_the_microsecond_and_bad_values_empty(tmp_path):
    with CsvWriter(tmp_path / "new") as writer:
        writer.write({"PS1": SERIES})
        writer.write({"Öl, warm": Series(np.array([5]), np.array([np.nan]), np.zeros(1, np.uint8))})
    assert writer.readings == 3
    assert rows(writer.file) == [
        ["time", "sensor", "value"],
        ["1970-01-01T00:00:00.000000Z", "PS1", "0.1"],
        ["2026-01-01T00:00:00.000001Z", "PS1", ""],
        ["1970-01-01T00:00:00.000005Z", "Öl, warm", ""],
    ]


def test_quality_and_reason_are_told_on_request(tmp_path):
    with CsvWriter(tmp_path, with_quality=True) as writer:
        writer.write({"PS1": SERIES})
    assert [row[3:] for row in rows(writer.file)] == [["quality", "reason"], ["good", "none"], ["bad", "device_fault"]]


def test_what_was_there_stays_until_the_new_one_is_whole(tmp_path):
    (tmp_path / "signals.csv").write_text("old")
    with suppress(KeyboardInterrupt), CsvWriter(tmp_path) as writer:
        writer.write({"PS1": SERIES})
        raise KeyboardInterrupt
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("signals.csv", "old")]


def test_without_a_reading_nothing_is_left_behind(tmp_path):
    with CsvWriter(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="can't be written"), CsvWriter(tmp_path / "file" / "folder"):
        pass
