import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import RecordingError
from edge_runtime.machine import Machine
from edge_runtime.recording import Recording
from training.sources.csv_files import CsvSource
from training.sources.csv_times import LocalTimes
from training.sources.source import ReadOptions, read_source

START_US = int(datetime(2026, 1, 31, 13, 45, tzinfo=UTC).timestamp()) * 1_000_000
WIDE = """equipment_id,timestamp,PS1,TS1
press-1,2026-01-31T13:45:00Z,151.5,40.25
press-1,2026-01-31T13:45:01Z,152,
press-1,2026-01-31T13:45:02Z,NaN,40.5
"""


def read(path: Path, **options: object) -> Recording:
    return read_source(CsvSource(path, ReadOptions(**options)))


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(*lines: str, header: str = "timestamp,PS1") -> str:
    return "\n".join([header, *lines]) + "\n"


def test_a_column_is_a_sensor_an_empty_cell_no_reading_and_nan_a_gap(tmp_path: Path):
    recording = read(write(tmp_path / "a.csv", WIDE))
    assert set(recording.series) == {"PS1", "TS1"}
    pressure, temperature = recording.series["PS1"], recording.series["TS1"]
    assert (pressure.times_us - START_US).tolist() == [0, 1_000_000, 2_000_000]
    np.testing.assert_array_equal(pressure.values, [151.5, 152, np.nan])
    assert (temperature.times_us - START_US).tolist() == [0, 2_000_000]
    assert temperature.values.tolist() == [40.25, 40.5]


def test_a_row_may_be_a_reading_as_the_agent_exports_them(tmp_path: Path):
    text = "time,sensor,value\n2026-01-31T13:45:00Z,PS1,1\n2026-01-31T13:45:00Z,TS1,2\n2026-01-31T13:45:01Z,PS1,\n"
    recording = read(write(tmp_path / "signals.csv", text))
    np.testing.assert_array_equal(recording.series["PS1"].values, [1, np.nan])
    assert recording.series["TS1"].values.tolist() == [2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_semicolons_decimal_commas_marks_and_encodings_are_found_out(tmp_path: Path, encoding: str):
    text = "timestamp;Öldruck\n2026-01-31T13:45:00Z;151,5\n2026-01-31T13:45:01Z;152\n"
    source = CsvSource(write(tmp_path / "a.csv", text.encode(encoding)), ReadOptions())
    assert read_source(source).series["Öldruck"].values.tolist() == [151.5, 152.0]
    assert "semicolons between cells, decimal commas" in source.layout


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2026-01-31T13:45:00Z", "2026-01-31 13:45:01Z"),
        ("2026-01-31T14:45:00+01:00", "2026-01-31T14:45:01.000+01:00"),
        ("1769867100", "1769867101"),
        ("1769867100.0", "1769867101.0"),
        ("1769867100000", "1769867101000"),
        ("1769867100000000", "1769867101000000"),
        ("1769867100000000000", "1769867101000000000"),
    ],
)
def test_times_are_iso_8601_with_a_zone_or_a_number_since_1970(tmp_path: Path, first: str, second: str):
    recording = read(write(tmp_path / "a.csv", rows(f"{first},1", f"{second},2")))
    assert (recording.series["PS1"].times_us - START_US).tolist() == [0, 1_000_000]


def test_times_without_a_zone_are_of_the_one_that_is_named(tmp_path: Path):
    path = write(tmp_path / "a.csv", rows("2026-01-31 14:45:00,1"))
    assert read(path, local=LocalTimes("Europe/Berlin")).series["PS1"].times_us.tolist() == [START_US]


def test_a_unit_in_brackets_is_converted_to_the_machines(tmp_path: Path, machine: Machine):
    path = write(
        tmp_path / "a.csv", rows("2026-01-31T13:45:00Z,2000,104,1.5", header="time,PS1 [psi],TS1 (°F),CP [kW]")
    )
    series = read(path, machine=machine).series
    assert series["PS1"].values == pytest.approx([137.895], abs=1e-3)
    assert series["TS1"].values == pytest.approx([40.0])
    assert series["CP"].values.tolist() == [1.5]


def test_units_may_differ_from_row_to_row_where_each_says_its_own(tmp_path: Path, machine: Machine):
    lines = ("2026-01-31T13:45:00Z,PS1,100,bar", "2026-01-31T13:45:01Z,PS1,10,MPa", "2026-01-31T13:45:02Z,PS1,100,")
    path = write(tmp_path / "a.csv", rows(*lines, header="time,sensor,value,unit"))
    assert read(path, machine=machine).series["PS1"].values == pytest.approx([100, 100, 100])


def test_files_of_a_folder_follow_each_other_by_their_times(tmp_path: Path):
    write(tmp_path / "a.csv", rows("2026-01-31T13:45:01Z,2"))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(rows("2026-01-31T13:45:00Z,1").encode()))
    write(tmp_path / "temperatures.csv", rows("2026-01-31T13:45:00Z,40", header="timestamp,TS1"))
    series = read(tmp_path).series
    assert series["PS1"].values.tolist() == [1, 2]
    assert series["TS1"].values.tolist() == [40]


def test_one_of_several_machines_is_read(tmp_path: Path, machine: Machine):
    lines = ("zema,2026-01-31T13:45:00Z,1", "other,2026-01-31T13:45:00Z,2")
    path = write(tmp_path / "a.csv", rows(*lines, header="equipment_id,timestamp,PS1"))
    assert read(path, equipment="other").series["PS1"].values.tolist() == [2]
    assert read(path, machine=machine).series["PS1"].values.tolist() == [1]
    with pytest.raises(RecordingError, match="holds several machines: zema, other"):
        read(path)
    with pytest.raises(RecordingError, match="holds nothing of 'third'; it has zema, other"):
        read(path, equipment="third")


def test_labels_lie_beside_the_signals(tmp_path: Path):
    write(tmp_path / "a.csv", WIDE)
    labels = (
        "start,end,equipment_id,pump,valve,stable\n"
        "2026-01-31T13:45:00Z,2026-01-31T13:46:00Z,press-1,2.0,worn,yes\n"
        "2026-01-31T13:46:00Z,2026-01-31T13:47:00Z,press-1,,NaN,0\n"
    )
    write(tmp_path / "labels.csv", labels)
    for path in (tmp_path, tmp_path / "a.csv"):
        first, second = read(path).labels
        assert (first.start_us, first.end_us) == (START_US, START_US + 60_000_000)
        assert (first.values, first.stable) == ({"pump": 2, "valve": "worn"}, True)
        assert (second.values, second.stable) == ({}, False)
        assert second.place == f"{tmp_path / 'labels.csv'}: row 3"


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        (rows("2026-01-31T13:45:00,1"), "row 2: timestamp is .*: the time names no zone", "--timezone"),
        (rows("2026-01-31T13:45:00Z,1", "31.1.2026 13:45,1"), "row 3: timestamp is .*: isn't a time", "2026"),
        (rows("2026-01-31T13:45:00Z,1", "2026-01-31T13:45:00Z,2"), "row 3: .*: PS1 has this time already", "Keep one"),
        (rows("2026-01-31T13:45:01Z,1", "2026-01-31T13:45:00Z,2"), "row 3: .*: this is before", "Sort the file"),
        (rows("2026-01-31T13:45:00Z,1", "2026-01-31T13:45:01Z,x"), "row 3: PS1 is 'x': isn't a number", "one number"),
        (rows("2026-01-31T13:45:00Z,1", "2026-01-31T13:45:01Z"), "row 3: has 1 cells, there are 2", "as many cells"),
        (rows("2026-01-31T13:45:00Z,1", "2026-01-31T13:45:01Z,1,5"), "row 3: has 3 cells, there are 2", "semicolons"),
        ("timestamp;PS1\n1769867100;1,5\n1769867101;1.500\n", "row 3: PS1 is '1.500': .*thousands", "same"),
        ("timestamp,PS1,PS1\n", "row 1: column PS1 is there twice", "its own"),
        ("timestamp,,PS1\n", "row 1: a column has no name", "its own"),
        ("when,PS1\n1,1\n", "row 1: has no column timestamp \\(it has when, PS1\\)", "timestamp"),
        ("timestamp\n1\n", "row 1: has no column of a sensor", "per sensor"),
        ("timestamp,PS1\n", "holds no reading", "Record"),
        ("", "row 1: has no names of columns", "names the columns"),
        ("sep=;\ntimestamp;PS1\n1769867100;1\n", "row 1: is a note to Excel", "Take the row out"),
        (b"PK\x03\x04\0\0\n\0", "is not text", "as CSV"),
        (b"time,PS1\n" + b"1769867100,1\n" * 30_000 + b"\xff\n", "can't be read as CSV in utf-8", "UTF-8"),
        ("timestamp,PS1 [psi],PS1 [bar]\n1769867100,1,1\n", "row 1: PS1 is there in two units", "Leave one"),
        ("timestamp,PS1 [furlong]\n1769867100,1\n", "row 1: PS1 is declared in furlong, .* has it in bar", "psi"),
        ("timestamp,PS1 [°C]\n1769867100,1\n", "row 1: PS1 is declared in °C, .* has it in bar", "psi"),
        ("time,sensor,value,unit\n1769867100,PS1,1,bar\n1769867101,PS1,1,K\n", "row 3: PS1 is declared in K", "psi"),
    ],
    ids=["no zone", "no time", "twice", "unsorted", "no number", "short", "decimal comma", "thousands", "same column",
         "nameless", "no time column", "no sensor", "no rows", "empty", "note to Excel", "binary", "encoding",
         "two units", "unit", "quantity", "unit of a row"],
)  # fmt: skip
def test_what_is_wrong_is_named_by_file_row_and_remedy(
    tmp_path: Path, machine: Machine, text: str | bytes, said: str, hint: str
):
    with pytest.raises(RecordingError, match=f"a.csv: {said}") as raised:
        read(write(tmp_path / "a.csv", text), machine=machine)
    assert hint in raised.value.hint


def test_a_declared_unit_needs_a_machine_to_say_what_it_should_be(tmp_path: Path):
    with pytest.raises(RecordingError, match="row 1: PS1 is declared in psi") as raised:
        read(write(tmp_path / "a.csv", "timestamp,PS1 [psi]\n1769867100,1\n"))
    assert "--machine" in raised.value.hint


@pytest.mark.parametrize("local", ["2026-10-25 02:30:00", "2026-03-29 02:30:00"], ids=["twice", "never"])
def test_a_time_that_clocks_showed_twice_or_never_is_refused(tmp_path: Path, local: str):
    path = write(tmp_path / "a.csv", rows("2026-03-01 00:00:00,1", f"{local},2"))
    with pytest.raises(RecordingError, match=rf"row 3: timestamp is '{local}': clocks in Europe/Berlin") as raised:
        read(path, local=LocalTimes("Europe/Berlin"))
    assert "UTC" in raised.value.hint


def test_an_unknown_zone_is_refused(tmp_path: Path):
    path = write(tmp_path / "a.csv", rows("2026-03-01 00:00:00,1"))
    with pytest.raises(RecordingError, match="there is no time zone 'CET/Berlin'"):
        read(path, local=LocalTimes("CET/Berlin"))


def test_files_of_the_same_sensor_that_overlap_are_refused(tmp_path: Path):
    write(tmp_path / "a.csv", rows("2026-01-31T13:45:00Z,1", "2026-01-31T13:45:02Z,1"))
    write(tmp_path / "b.csv", rows("2026-01-31T13:45:01Z,1"))
    with pytest.raises(
        RecordingError, match=r"b\.csv: row 2: 2026-01-31T13:45:01Z isn't after the last time of PS1 in a"
    ):
        read(tmp_path)


def test_rows_keep_their_numbers_beside_those_of_other_machines(tmp_path: Path):
    lines = ("other,1769867100,1", "mine,1769867100,1", "other,1769867101,1", "mine,1769867101,x")
    path = write(tmp_path / "a.csv", rows(*lines, header="equipment_id,timestamp,PS1"))
    with pytest.raises(RecordingError, match="row 5: PS1 is 'x'"):
        read(path, equipment="mine")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("start,pump\n", "row 1: has no column end"),
        (
            "start,end,pump\n1769867100,1769867160,1\n1769867160,1769867160,1\n",
            "row 3: end is '1769867160': end is not after",
        ),
        ("start,end,pump,stable\n1769867100,1769867160,1,perhaps\n", "row 2: stable is 'perhaps': isn't yes or no"),
    ],
    ids=["column", "backwards", "flag"],
)
def test_what_is_wrong_with_labels_is_named_by_file_and_row(tmp_path: Path, text: str, said: str):
    write(tmp_path / "a.csv", WIDE)
    write(tmp_path / "labels.csv", text)
    with pytest.raises(RecordingError, match=f"labels.csv: {said}"):
        read(tmp_path)


def test_labels_of_a_fleet_are_those_of_the_machine_whose_signals_are_read(tmp_path: Path):
    write(tmp_path / "a.csv", WIDE)
    text = "equipment_id,start,end,pump\npress-1,1769867100,1769867160,1\npress-2,1769867100,1769867160,2\n"
    write(tmp_path / "labels.csv", text)
    assert [row.values for row in read(tmp_path).labels] == [{"pump": 1}]
    write(tmp_path / "a.csv", rows("1769867100,1"))
    assert [row.values for row in read(tmp_path, equipment="press-2").labels] == [{"pump": 2}]
    with pytest.raises(RecordingError, match=r"labels\.csv: holds labels of several machines: press-1, press-2"):
        read(tmp_path)


def test_labels_of_another_machine_than_the_signals_are_not_no_labels(tmp_path: Path):
    write(tmp_path / "a.csv", WIDE)
    write(tmp_path / "labels.csv", "equipment_id,start,end,pump\nPress 1,1769867100,1769867160,1\n")
    with pytest.raises(RecordingError, match=r"labels\.csv: holds no labels of 'press-1', .* it has Press 1"):
        read(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_a_file_is_read_piece_by_piece_and_its_rows_keep_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
):
    monkeypatch.setattr("training.sources.csv_rows._BLOCK_BYTES", 77)
    lines = [f"{1769867100 + number},{number}" for number in range(50)]
    path = tmp_path / "a.csv"
    path.write_text(rows(*lines, header="timestamp,Öl")[:-1], encoding)
    assert read(path).series["Öl"].values.tolist() == list(range(50))
    for broken, said in (("1769867140,x", "row 42: Öl is 'x'"), ("1769867140", "row 42: has 1 cells")):
        path.write_text(rows(*lines[:40], broken, *lines[41:], header="timestamp,Öl"), encoding)
        with pytest.raises(RecordingError, match=said):
            read(path)
