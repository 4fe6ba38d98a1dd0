"""What boxes have sent and what people found becomes a recording: the same windows, whole or not at all."""

import json
import signal
from datetime import datetime
from pathlib import Path

import httpx
import numpy as np
import psycopg
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from agent.store.records import window_record
from cloud_sync.cloud.cli.main import app
from cloud_sync.cloud.export.recording import RECORD, Reached, export_machine
from cloud_sync.cloud.export.stored_windows import WindowSpan
from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.snapshot import snapshot
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import Batch
from edge_runtime.errors import ConfigurationError, RecordingError
from edge_runtime.graph import GraphSample
from edge_runtime.graph_builder import build_graph
from edge_runtime.machine_file import load_machine
from edge_runtime.recording import LabelRow, read_recording
from edge_runtime.windowing import cut_window
from tests import forked
from tests.integration.cloud.conftest import send
from tests.rig.recordings import MACHINE, SAMPLE
from tests.servers.batches import MINUTE_US, SENSORS, START_US, time_of, window
from tests.servers.centre import Centre
from tests.servers.killed_export import export_until_killed
from tests.servers.stored_windows import prepare, put_windows
from training.cli.main import app as training
from training.dataset import labelled_windows
from training.sources.open_source import open_source
from training.sources.source import read_source

WINDOWS = 10
RIG = load_machine(MACHINE)
CONDITIONS = tuple(condition.name for condition in RIG.conditions)


def export(url: str, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["export", *map(str, arguments)], env={"HYDROSIGHT_DATABASE_URL": url})


@pytest.fixture
def database(postgres_url: str) -> str:
    """Ten windows of the machine `rig`, and two of `press`, which has one sensor."""
    prepare(postgres_url)
    put_windows(postgres_url, [window("rig", START_US + k * MINUTE_US) for k in range(WINDOWS)], "name: rig\n")
    press = [window("press", START_US + k * MINUTE_US) for k in range(2)]
    put_windows(postgres_url, [type(one)(one.machine, one.start_us, one.end_us, one.channels[:1]) for one in press])
    return postgres_url


def test_from_the_rig_to_the_centre_and_back_nothing_changes(
    centre: Centre, operator: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows cut as a box does, sent as a box does, labelled as a technician does, exported, and cut again."""
    original = read_recording(SAMPLE)
    box = enrol(Link(centre.url), centre.token(RIG.name), RIG.name, "0.1.0", MACHINE.read_text())
    windows = [cut_window(RIG, original.series, row.start_us, row.end_us) for row in original.labels]
    for number in range(0, len(windows), 10):
        batch = Batch("boot", number, windows=tuple(map(window_record, windows[number : number + 10])))
        assert send(centre.url, box.credential, batch).status_code == 200
    for row in original.labels[:4]:
        span = {"start": time_of(row.start_us).isoformat(), "end": time_of(row.end_us).isoformat()}
        for name in CONDITIONS:
            said = {"condition": name, "level": str(row.values[name]), **span}
            assert operator.post(f"/api/v1/machines/{RIG.name}/labels", json=said).status_code == 201

    result = export(centre.database_url, "--output", tmp_path, "--json")

    assert result.exit_code == 0, result.output
    (done,) = json.loads(result.stdout)
    folder = tmp_path / RIG.name
    assert (Path(done["folder"]), done["holds"]["label_rows"], done["holds"]["windows"]) == (folder, 4, len(windows))
    recording, machine = read_recording(folder), load_machine(folder / "machine.yaml")
    assert machine == RIG
    for row, sent in zip(original.labels, windows, strict=True):
        again = cut_window(machine, recording.series, row.start_us, row.end_us)
        seen, meant = build_graph(machine, again), build_graph(RIG, sent)
        for name in GraphSample.INPUTS:
            np.testing.assert_array_equal(getattr(seen, name), getattr(meant, name))
    expected = tuple(
        LabelRow(row.start_us, row.end_us, {name: str(row.values[name]) for name in sorted(CONDITIONS)})
        for row in original.labels[:4]
    )
    assert recording.labels == expected
    assert len(labelled_windows(machine, recording)) == 4
    checked = CliRunner().invoke(training, ["check", str(folder), "--machine", str(folder / "machine.yaml")])
    assert checked.exit_code == 0, checked.output
    monkeypatch.setenv("HYDROSIGHT_DATABASE_URL", centre.database_url)
    direct = read_source(open_source(f"timescaledb:{RIG.name}"))
    assert (direct.sha256, direct.labels) == (recording.sha256, recording.labels)


def test_gaps_stay_gaps(database: str, tmp_path: Path) -> None:
    export(database, "rig", "--output", tmp_path)

    values = read_recording(tmp_path / "rig").series[SENSORS[0]].values.reshape(WINDOWS, 60)

    assert np.isnan(values[:, 0]).all()
    assert np.isfinite(values[:, 1:]).all()


def test_all_machines_or_some_of_a_span_and_of_some_sensors(database: str, tmp_path: Path) -> None:
    since, until = time_of(START_US + MINUTE_US), time_of(START_US + 4 * MINUTE_US)
    chosen = ["rig", "--since", since.isoformat(), "--until", f"{until:%Y-%m-%dT%H:%M}", "--sensor", SENSORS[1]]

    everything, some = export(database, "-o", tmp_path / "all"), export(database, *chosen, "-o", tmp_path / "some")

    assert (everything.exit_code, some.exit_code) == (0, 0)
    assert sorted(folder.name for folder in (tmp_path / "all").iterdir() if folder.is_dir()) == ["press", "rig"]
    assert not (tmp_path / "all" / "press" / "machine.yaml").exists(), "its box brought none"
    recording = read_recording(tmp_path / "some" / "rig")
    assert set(recording.series) == {SENSORS[1]}
    assert (recording.first_us, recording.last_us) == (START_US + MINUTE_US, START_US + 4 * MINUTE_US - 1_000_000)
    record = json.loads((tmp_path / "some" / "rig" / RECORD).read_text())
    assert (record["windows"], record["readings"], record["sensors"]) == (3, 180, [SENSORS[1]])
    assert datetime.fromisoformat(record["since"]) == since


def test_it_is_written_a_row_group_at_a_time(database: str, tmp_path: Path) -> None:
    reached: list[Reached] = []
    with snapshot(CloudSettings(database_url=database)) as connection:
        export_machine(connection, WindowSpan("rig"), tmp_path / "rig", reached.append, samples_at_once=360)

    file = pq.ParquetFile(tmp_path / "rig" / "signals.parquet")
    groups = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
    assert groups == [360] * 5, "two windows of three channels and 60 samples each"
    assert [item.readings for item in reached] == [360, 720, 1080, 1440, 1800]


def test_an_export_that_is_killed_is_taken_for_none_and_can_go_on(database: str, tmp_path: Path) -> None:
    assert export(database, "press", "--output", tmp_path).exit_code == 0
    written = (tmp_path / "press" / "signals.parquet").stat().st_mtime_ns
    killed = forked.start(export_until_killed, database, tmp_path / "rig", "rig", 720)
    assert forked.exit_code(killed) == -signal.SIGKILL
    assert not (tmp_path / "rig").exists()

    again = export(database, "--output", tmp_path, "--resume", "--json")

    assert {item["holds"]["machine"]: item["kept"] for item in json.loads(again.stdout)} == {
        "press": True,
        "rig": False,
    }
    assert (tmp_path / "press" / "signals.parquet").stat().st_mtime_ns == written
    assert len(read_recording(tmp_path / "rig").series[SENSORS[0]]) == 60 * WINDOWS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "press", "rig"], "nothing half done is left"


def test_what_is_there_is_not_overwritten_unless_asked(database: str, tmp_path: Path) -> None:
    assert export(database, "rig", "--output", tmp_path).exit_code == 0

    again = export(database, "rig", "--output", tmp_path)
    other = export(database, "rig", "--output", tmp_path, "--resume", "--sensor", SENSORS[0])
    forced = export(database, "rig", "--output", tmp_path, "--force", "--sensor", SENSORS[0])

    for refused in (again, other):
        assert isinstance(refused.exception, ConfigurationError)
        assert "exists already" in str(refused.exception)
    assert forced.exit_code == 0
    assert set(read_recording(tmp_path / "rig").series) == {SENSORS[0]}


def test_what_is_not_there_is_said_and_nothing_written(database: str, tmp_path: Path) -> None:
    unknown = export(database, "lathe", "--output", tmp_path).exception
    sensor = export(database, "--sensor", "XX9", "--output", tmp_path).exception
    empty = export(database, "rig", "--since", "2001-01-01", "--until", "2002-01-01", "--output", tmp_path)
    backwards = export(database, "rig", "--since", "2002-01-01", "--until", "2001-01-01", "--output", tmp_path)
    nonsense = export(database, "rig", "--since", "yesterday", "--output", tmp_path)

    assert isinstance(unknown, ConfigurationError)
    assert "press, rig" in unknown.hint
    assert isinstance(sensor, ConfigurationError)
    assert "XX9" in str(sensor)
    assert isinstance(empty.exception, RecordingError)
    assert isinstance(backwards.exception, ConfigurationError)
    assert nonsense.exit_code == 2
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_label_that_was_taken_back_is_not_exported(database: str, tmp_path: Path) -> None:
    span = (time_of(START_US), time_of(START_US + 3 * MINUTE_US))
    with psycopg.connect(database) as connection:
        for level, (start, end) in (("80", span), (None, (span[0], time_of(START_US + MINUTE_US)))):
            connection.execute(
                "INSERT INTO labels (machine, condition, level, start_time, end_time, said_by) "
                "VALUES ('rig', 'valve', %s, %s, %s, 'kim')",
                (level, start, end),
            )

    export(database, "rig", "--output", tmp_path)

    assert [(row.start_us, row.values) for row in read_recording(tmp_path / "rig").labels] == [
        (START_US + k * MINUTE_US, {"valve": "80"}) for k in (1, 2)
    ]
