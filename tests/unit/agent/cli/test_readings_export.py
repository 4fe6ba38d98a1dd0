import csv
import sys

import numpy as np
import pytest

from agent.store.store import Store
from edge_runtime.quality import Quality, Reason
from edge_runtime.reading import Reading
from edge_runtime.recording import read_recording
from tests.unit.agent.cli.conftest import FIRST_WINDOW_US, failed

HOUR_US = 3_600_000_000


@pytest.fixture
def writer(box):
    """The agent's store, open, with a reading a second of two sensors over two hours, a day apart."""
    with Store.open(box.folder / "data" / "store.db", "boot-1") as store:
        for day in range(2):
            for start in range(0, 3600, 300):
                store.append(
                    [
                        Reading(sensor, base + second, Quality.GOOD, time_us, time_us)
                        for second in range(start, start + 300)
                        for sensor, base in (("PS1", 0.0), ("TS1", 5000.0))
                        for time_us in (FIRST_WINDOW_US + 24 * day * HOUR_US + second * 1_000_000,)
                    ]
                )
        yield store


def export(box, *options):
    result = box.run("readings", "export", "--output", str(box.folder / "out"), *options)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_everything_is_a_recording_while_the_agent_writes(box, writer):
    assert export(box).startswith("14,400 readings, ")
    series = read_recording(box.folder / "out").series
    assert {name: len(one) for name, one in series.items()} == {"PS1": 7200, "TS1": 7200}
    seconds = np.arange(3600.0)
    np.testing.assert_array_equal(series["TS1"].values, 5000 + np.concatenate([seconds, seconds]))
    assert series["PS1"].times_us[-1] == writer.newest_source_time()


def test_a_period_and_a_sensor_are_cut_out_exactly(box, writer):
    document = box.json(
        *("readings", "export", "--output", str(box.folder / "out"), "--sensor", "PS1"),
        *("--from", "2026-01-01T00:09:59Z", "--to", "2026-01-01T00:20:01.000001Z"),
    )
    assert document["readings"] == 603
    (series,) = read_recording(box.folder / "out").series.values()
    assert series.values.tolist() == list(range(599, 1202))


def test_text_needs_no_pyarrow_and_holds_the_same(box, writer, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    export(box, "--format", "csv", "--quality", "--to", "2026-01-01T00:00:02Z")
    with (box.folder / "out" / "signals.csv").open(newline="") as text:
        assert list(csv.reader(text))[1:3] == [
            ["2026-01-01T00:00:00.000000Z", "PS1", "0.0", "good", "none"],
            ["2026-01-01T00:00:01.000000Z", "PS1", "1.0", "good", "none"],
        ]


def test_an_export_that_is_there_is_replaced_only_by_force(box, writer):
    export(box)
    again = ("readings", "export", "--output", str(box.folder / "out"), "--to", "2026-01-01T00:00:10Z")
    assert "--force" in failed(box.run(*again), 2)
    assert box.run(*again, "--force").exit_code == 0
    assert len(read_recording(box.folder / "out").series["PS1"]) == 10


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--from", "2025-01-01", "--to", "2025-02-01"], 1, "no reading from 2025-01-01"),
        (["--from", "-1h"], 1, "no reading from"),
        (["--from", "-1h", "--to", "-2h"], 2, "isn't before"),
        (["--from", "yesterday"], 2, "no moment"),
        (["--sensor", "PS9"], 2, "no sensor PS9"),
    ],
)
def test_what_cannot_be_exported_is_said_and_leaves_nothing(box, writer, options, code, said):
    assert said in failed(box.run("readings", "export", "--output", str(box.folder / "out"), *options), code)
    assert not list((box.folder / "out").glob("*"))


def test_before_the_first_start_it_says_what_to_do(box):
    assert "hydrosight run" in failed(box.run("readings", "export", "--output", str(box.folder / "out")), 1)


def test_a_thinned_second_is_a_signal_unless_it_is_asked_for_as_it_is_stored(box):
    with Store.open(box.folder / "data" / "store.db", "boot-1") as store:
        second = [
            Reading("PS1", value, Quality.GOOD, FIRST_WINDOW_US + k, FIRST_WINDOW_US, reason)
            for k, (value, reason) in enumerate(
                [(5.5, Reason.THINNED), (5.0, Reason.THINNED_EXTREME), (6.0, Reason.THINNED_EXTREME)]
            )
        ]
        whole = [
            Reading("PS1", 7.0, Quality.GOOD, FIRST_WINDOW_US + 1_000_000 + k * 250_000, FIRST_WINDOW_US)
            for k in range(4)
        ]
        store.append([*second, *whole])
    export(box)
    (series,) = read_recording(box.folder / "out").series.values()
    assert series.values.tolist() == [5.5] * 4 + [7.0] * 4
    export(box, "--as-stored", "--force")
    (series,) = read_recording(box.folder / "out").series.values()
    assert series.values.tolist() == [5.5, 5.0, 6.0] + [7.0] * 4
