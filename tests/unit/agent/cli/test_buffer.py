import sqlite3
import time
from contextlib import closing

import pytest

from agent.store.gaps import Gap, GapCause
from agent.store.store import Store
from tests.unit.agent.cli.conftest import failed


def test_what_is_held_and_what_waits_is_shown(recorded):
    result = recorded.run("buffer")
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "records 3 windows, 3 diagnoses, 0 gaps, 0 clock steps, 3 alerts" in text
    assert "waiting for the centre 3 windows, 3 diagnoses, 0 gaps, 0 clock steps, 3 alerts" in text
    assert "waiting for the broker 3 alerts" in text
    assert "from – to 2026-01-01 00:00:00 – 2026-01-01 00:03:00 UTC" in text
    assert "Nothing was lost." in text


def test_json_holds_the_same_figures(recorded):
    document = recorded.json("buffer")
    assert document["records"] == {"window": 3, "diagnosis": 3, "gap": 0, "clock step": 0, "alert": 3}
    assert document["unpublished_alerts"] == 3
    assert document["losses"] == []
    assert document["file_bytes"] > 0


def test_what_was_written_to_the_disk_is_shown_as_a_rate(recorded):
    assert "written to the disk not known yet" in " ".join(recorded.run("buffer").stdout.split())
    with closing(sqlite3.connect(recorded.folder / "data" / "store.db")) as connection, connection:
        connection.execute(
            "INSERT INTO wear VALUES (?, ?, ?, ?)", (int(time.time()) // 86_400, 3_600_000_000, 10**8, 10**7)
        )
    text = " ".join(recorded.run("buffer").stdout.split())
    assert "written to the disk 2.4 GB a day, 10.0 for each byte stored; 100.0 MB so far" in text
    assert recorded.json("buffer")["wear"]["amplification"] == 10.0


def test_what_the_broker_and_the_centre_have_waits_no_more(recorded):
    with Store.open(recorded.folder / "data" / "store.db", "boot-2") as store:
        for row, _ in store.unpublished_alerts():
            store.mark_published(row)
        while batch := store.next_batch():
            store.acknowledge(batch.boot, batch.number)
    document = recorded.json("buffer")
    assert set(document["pending"].values()) == {0}
    assert document["unpublished_alerts"] == 0


def test_what_was_lost_is_in_the_ledger(recorded):
    with Store.open(recorded.folder / "data" / "store.db", "boot-2") as store:
        while batch := store.next_batch(max_bytes=1):
            store.refuse(batch.boot, batch.number, "refused")
        store.drop_dead_letter(store.dead_letters()[0].id)
    losses = recorded.json("buffer")["losses"]
    assert losses
    assert "Nothing was lost." not in recorded.run("buffer").stdout


@pytest.mark.parametrize("version", [0, 999])
def test_a_store_of_another_version_is_not_read(recorded, version):
    with closing(sqlite3.connect(recorded.folder / "data" / "store.db")) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    result = recorded.run("buffer")
    assert result.exit_code == 1
    assert str(version) in result.stderr
    assert "hint:" in result.stderr


def test_what_goes_first_without_the_centre_and_when_is_shown(recorded):
    text = " ".join(recorded.run("buffer").stdout.split())
    assert "Today's rate isn't known yet." in text
    with closing(sqlite3.connect(recorded.folder / "data" / "store.db")) as connection, connection:
        hour_ago_us = time.time_ns() // 1000 - 3_600_000_000
        connection.execute("UPDATE reading_block SET stored_us = ?", (hour_ago_us,))
        connection.execute("UPDATE record SET stored_us = ?", (hour_ago_us,))
    text = " ".join(recorded.run("buffer").stdout.split())
    assert "readings diagnosed, oldest first" in text
    assert "windows not sent, lost" in text
    document = recorded.json("buffer")
    days = {(one["record_class"], one["lost"]): one["days"] for one in document["budget"]}
    assert 0 < days["reading", False] < days["window", True] < days["diagnosis", True]


def test_gaps_are_shown_with_cause_span_and_sensors(recorded):
    assert "No gaps since" in recorded.run("buffer", "gaps").stdout
    now_us = time.time_ns() // 1000
    sensors = ("PS1",)
    with Store.open(recorded.folder / "data" / "store.db", "boot-2") as store:
        store.note_gaps(
            [
                Gap(1, GapCause.SOURCE_DOWN, "plc", sensors, now_us - 3_600_000_000, detail="plc: no connection"),
                Gap(2, GapCause.OVERFLOW, "", (), now_us - 90_000_000, now_us - 60_000_000, lost=1234),
                Gap(3, GapCause.KILLED, "", (), now_us - 40_000_000, now_us - 30_000_000),
            ]
        )
    text = " ".join(recorded.run("buffer", "gaps").stdout.split())
    assert "source down" in text
    assert "lasts" in text
    assert "60.0 min" in text
    assert "1,234" in text
    assert "agent killed" in text
    document = recorded.json("buffer", "gaps", "--since", "-70s")
    assert [gap["number"] for gap in document["gaps"]] == [3, 2, 1]
    assert document["gaps"][1]["cause"] == "memory full"


def test_a_since_that_is_no_moment_is_said(recorded):
    assert "'yesterday' is no moment" in failed(recorded.run("buffer", "gaps", "--since", "yesterday"), 2)
