import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_runtime.errors import RecordingError
from edge_runtime.machine_file import load_machine
from edge_runtime.reading import Series
from edge_runtime.recording import LabelRow, Recording, read_recording
from edge_runtime.recording_writer import write_recording

CONFIGS = Path(__file__).parents[3] / "configs"


def series(*values: float, start_us: int = 0) -> Series:
    return Series.ordered(start_us + np.arange(len(values)) * 1_000_000, np.array(values, np.float64))


def write_signals(folder: Path, **columns: pa.Array) -> Path:
    folder.mkdir(exist_ok=True)
    given = {
        "time": pa.array([0, 1_000_000]).cast(pa.timestamp("us", "UTC")),
        "sensor": pa.array(["PS1", "PS1"]),
        "value": pa.array([1.0, 2.0]),
    } | columns
    pq.write_table(
        pa.table({name: column for name, column in given.items() if column is not None}), folder / "signals.parquet"
    )
    return folder


def write_labels(folder: Path, **columns: pa.Array) -> Path:
    given = {
        "start": pa.array([0]).cast(pa.timestamp("us", "UTC")),
        "end": pa.array([60_000_000]).cast(pa.timestamp("us", "UTC")),
    } | columns
    pq.write_table(
        pa.table({name: column for name, column in given.items() if column is not None}), folder / "labels.parquet"
    )
    return folder


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.dictionaries(
        st.sampled_from(["PS1", "PS2", "TS1"]),
        st.dictionaries(st.integers(-(2**52), 2**52), st.floats(width=64), min_size=1, max_size=20),
        min_size=1,
    )
)
def test_what_is_written_is_read(tmp_path, content):
    written = {
        name: Series.ordered(np.array(sorted(values)), np.array([values[time] for time in sorted(values)]))
        for name, values in content.items()
    }
    labels = (LabelRow(5, 60, {"valve": 100, "note": "new seal"}, stable=False), LabelRow(60, 90, {"valve": 73}))
    write_recording(tmp_path / "rec", written, labels)
    read = read_recording(tmp_path / "rec")
    assert set(read.series) == set(written)
    for name, one in written.items():
        np.testing.assert_array_equal(read.series[name].times_us, one.times_us)
        np.testing.assert_array_equal(read.series[name].values, one.values)
    assert read.labels == labels


def test_rows_may_come_in_any_order_and_the_last_of_equal_times_counts(tmp_path):
    write_signals(
        tmp_path,
        time=pa.array([3, 1, 2, 1, 1]).cast(pa.timestamp("us", "UTC")),
        sensor=pa.array(["b", "a", "a", "b", "a"]),
        value=pa.array([3.0, 1.0, 2.0, 10.0, 1.5]),
    )
    read = read_recording(tmp_path).series
    assert read["a"].times_us.tolist() == [1, 2]
    assert read["a"].values.tolist() == [1.5, 2.0]
    assert read["b"].times_us.tolist() == [1, 3]
    assert read["b"].values.tolist() == [10.0, 3.0]


@pytest.mark.parametrize("zone", ["UTC", None])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_any_timestamp_unit_becomes_microseconds(tmp_path, unit, zone):
    when = datetime(2015, 1, 1, tzinfo=UTC if zone else None)
    write_signals(tmp_path, time=pa.array([when, when], pa.timestamp(unit, zone)))
    assert read_recording(tmp_path).first_us == 1_420_070_400_000_000


def test_other_numbers_and_nulls_become_float_and_nan(tmp_path):
    write_signals(tmp_path, value=pa.array([7, None], pa.int16()))
    np.testing.assert_array_equal(read_recording(tmp_path).series["PS1"].values, [7.0, np.nan])


def test_whole_labels_are_integers_though_a_missing_one_made_the_column_float(tmp_path):
    write_signals(tmp_path)
    write_labels(tmp_path, valve=pa.array([73.0]), pump=pa.array([None], pa.float64()))
    (row,) = read_recording(tmp_path).labels
    assert row.values == {"valve": 73}
    assert isinstance(row.values["valve"], int)
    assert row.stable


def test_first_and_last_time_are_over_all_sensors(tmp_path):
    recording = Recording(tmp_path, {"a": series(1, 2, start_us=10), "b": series(1, start_us=5)})
    assert (recording.first_us, recording.last_us) == (5, 1_000_010)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"value": None}, "signals.parquet: has no column value (it has time, sensor)"),
        ({"time": None, "sensor": None}, "signals.parquet: has no column time, sensor"),
        ({"time": pa.array([0, 1])}, "column time is int64, a timestamp is needed"),
        ({"value": pa.array(["1", "2"])}, "column value is string, double is needed"),
        ({"sensor": pa.array([1, 2])}, "column sensor is int64, string is needed"),
        ({"sensor": pa.array(["PS1", None])}, "column sensor: 1 rows name no sensor"),
        ({"time": pa.array([0, None]).cast(pa.timestamp("us", "UTC"))}, "column time: 1 rows have no time"),
        (
            {
                "time": pa.array([], pa.timestamp("us", "UTC")),
                "sensor": pa.array([], pa.string()),
                "value": pa.array([], pa.float64()),
            },
            "holds no reading",
        ),
    ],
)
def test_wrong_signals_are_named(tmp_path, columns, message):
    write_signals(tmp_path, **columns)
    with pytest.raises(RecordingError) as caught:
        read_recording(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path / "signals.parquet") in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"end": None}, "labels.parquet: has no column end (it has start)"),
        ({"stable": pa.array(["yes"])}, "column stable is string, bool is needed"),
        ({"end": pa.array([0]).cast(pa.timestamp("us", "UTC"))}, "labels.parquet: row 1: end is not after start"),
    ],
)
def test_wrong_labels_are_named(tmp_path, columns, message):
    write_signals(tmp_path)
    write_labels(tmp_path, **columns)
    with pytest.raises(RecordingError) as caught:
        read_recording(tmp_path)
    assert message in str(caught.value)
    assert caught.value.hint


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(RecordingError, match="nowhere: is not a folder"):
        read_recording(tmp_path / "nowhere")


def test_a_folder_without_signals_is_named(tmp_path):
    with pytest.raises(RecordingError, match=r"signals\.parquet: is missing"):
        read_recording(tmp_path)


@pytest.mark.parametrize("keep", [0, 10, -20])
def test_a_damaged_file_is_named(tmp_path, keep):
    write_signals(tmp_path)
    file = tmp_path / "signals.parquet"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(RecordingError, match=r"signals\.parquet: is not a Parquet file, or a damaged one"):
        read_recording(tmp_path)


def test_damaged_values_are_never_read(tmp_path):
    write_recording(tmp_path, {"PS1": series(*range(5000))})
    file = tmp_path / "signals.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(RecordingError, match=r"signals\.parquet"):
        read_recording(tmp_path)


def test_a_recording_of_another_machine_is_refused():
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    with pytest.raises(RecordingError, match="machine 'zema' has no sensor PS7, XS1") as caught:
        Recording(Path("r"), {"PS7": series(1), "PS1": series(1), "XS1": series(1)}).check_against(machine)
    assert "PS1, PS2" in caught.value.hint


def test_an_unknown_level_is_refused():
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    labels = (LabelRow(0, 1, {"valve": 73}), LabelRow(1, 2, {"valve": 75}))
    with pytest.raises(RecordingError, match="row 2: valve is 75, which is no level of it") as caught:
        Recording(Path("r"), {"PS1": series(1)}, labels).check_against(machine)
    assert "100, 90, 80, 73" in caught.value.hint


@pytest.mark.parametrize("name", ["zema-sample", "zema-full-rate"])
def test_shipped_recordings_fit_the_rig(name):
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    recording = read_recording(CONFIGS / "recordings" / name)
    recording.check_against(machine)
    assert set(recording.series) == set(machine.sensor_index)
    for sensor in machine.sensors:
        values = recording.series[sensor.name].values
        assert sensor.valid_min <= values.min()
        assert values.max() <= sensor.valid_max


def test_the_sample_shows_every_level_of_every_condition():
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    recording = read_recording(CONFIGS / "recordings" / "zema-sample")
    for condition in machine.conditions:
        seen = {row.values[condition.name] for row in recording.labels}
        assert seen == {level.label for level in condition.levels}
    assert {row.stable for row in recording.labels} == {True, False}


def test_a_box_that_reads_no_recording_never_loads_pyarrow():
    program = "import sys, edge_runtime.recording, edge_runtime.graph_builder; print('pyarrow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_rows_that_repeat_a_time_are_counted_and_the_last_is_taken(tmp_path: Path):
    recording = read_recording(write_signals(tmp_path / "r", time=pa.array([0, 0]).cast(pa.timestamp("us", "UTC"))))
    assert recording.repeated == 1
    assert recording.series["PS1"].values.tolist() == [2.0]


def test_the_same_signals_have_the_same_hash_in_whatever_file_and_order(tmp_path: Path):
    one, other = ({"A": series(1, 2), "B": series(3)}, {"B": series(3), "A": series(1, 2)})
    write_recording(tmp_path / "one", one)
    assert read_recording(tmp_path / "one").sha256 == Recording(tmp_path, other).sha256
    assert Recording(tmp_path, {"A": series(1, 2.5), "B": series(3)}).sha256 != Recording(tmp_path, one).sha256


def test_rows_are_read_some_at_a_time_and_taken_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rows = {
        "time": pa.array([3, 1, 2, 1, 1, 9, 4]).cast(pa.timestamp("us", "UTC")),
        "sensor": pa.array(["b", "a", "a", "b", "a", "c", "a"]),
        "value": pa.array([3.0, 1.0, 2.0, 10.0, 1.5, 9.0, 4.0]),
    }
    write_signals(tmp_path, **rows)
    whole = read_recording(tmp_path)
    monkeypatch.setattr("edge_runtime.recording._ROWS_AT_ONCE", 2)
    piecewise = read_recording(tmp_path)
    assert piecewise.sha256 == whole.sha256
    assert (piecewise.repeated, whole.repeated) == (1, 1)
    assert piecewise.series["a"].times_us.tolist() == [1, 2, 4]
    assert piecewise.series["a"].values.tolist() == [1.5, 2.0, 4.0]
