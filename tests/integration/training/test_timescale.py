"""Windows that boxes have sent, read from a real PostgreSQL as training reads them."""

import functools
from pathlib import Path

import numpy as np
import pytest

from cloud_sync.cloud.export.stored_windows import stored_portions
from edge_runtime.errors import DatabaseError, RecordingError
from tests.servers.batches import MINUTE_US, SENSORS, START_US, window
from tests.servers.stored_windows import prepare, put_windows
from training.sources.open_source import open_source
from training.sources.source import read_source

WINDOWS = 3


@pytest.fixture
def centre(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of the centre's schema with three windows of machine `rig`."""

    prepare(postgres_url)
    put_windows(postgres_url, [window("rig", START_US + number * MINUTE_US) for number in range(WINDOWS)])
    monkeypatch.setenv("HYDROSIGHT_DATABASE_URL", postgres_url)
    return postgres_url


def test_windows_are_read_as_they_were_sent(centre: str, tmp_path: Path) -> None:
    labels = tmp_path / "findings.csv"
    labels.write_text(f"start,end,pump\n{START_US},{START_US + MINUTE_US},1\n")
    source = open_source(f"timescaledb:rig?labels={labels}")

    recording = read_source(source)

    assert source.size == WINDOWS
    assert set(recording.series) == set(SENSORS)
    sent = np.concatenate(
        [np.frombuffer(window("rig", START_US + k * MINUTE_US).channels[0].values, "<f4") for k in range(WINDOWS)]
    )
    series = recording.series[SENSORS[0]]
    np.testing.assert_array_equal(series.values, sent)
    np.testing.assert_array_equal(series.times_us, START_US + 1_000_000 * np.arange(60 * WINDOWS))
    assert [row.values for row in recording.labels] == [{"pump": 1}]


def test_a_span_of_time_may_be_asked_for(centre: str) -> None:
    since = np.datetime64(START_US + MINUTE_US, "us")
    until = np.datetime64(START_US + 2 * MINUTE_US, "us")
    recording = read_source(open_source(f"timescaledb:rig?since={since}&until={until}"))
    assert (recording.first_us, recording.last_us) == (START_US + MINUTE_US, START_US + 2 * MINUTE_US - 1_000_000)


def test_windows_come_a_few_at_a_time(centre: str, monkeypatch: pytest.MonkeyPatch) -> None:
    few = functools.partial(stored_portions, samples_at_once=1)
    monkeypatch.setattr("training.sources.timescale.stored_portions", few)
    portions = list(open_source("timescaledb:rig").portions())
    assert [portion.done for portion in portions] == [1, 2, 3]
    assert all(len(series) == 60 for portion in portions for series in portion.series.values())


def test_a_machine_that_is_not_there_is_told_with_those_that_are(centre: str) -> None:
    with pytest.raises(RecordingError, match="no window of 'press'") as raised:
        read_source(open_source("timescaledb:press"))
    assert "It has windows of rig" in raised.value.hint


def test_a_database_that_does_not_answer_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDROSIGHT_DATABASE_URL", "postgresql://someone:secret@127.0.0.1:1/none")
    with pytest.raises(DatabaseError, match="timescaledb:rig: the database failed") as raised:
        read_source(open_source("timescaledb:rig"))
    assert "secret" not in str(raised.value)
