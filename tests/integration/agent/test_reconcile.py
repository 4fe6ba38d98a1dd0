"""`hydrosight sync reconcile`: a real store against a real centre with a real database."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from agent.cli.main import app
from agent.resend import take_up
from agent.store.retention import Retention
from agent.store.store import Store
from cloud_sync.batch_codec import CONTENT_TYPE
from cloud_sync.edge.credential import write_credential
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from tests.rig.recordings import MACHINE
from tests.servers.centre import Centre
from tests.stored import MINUTE_US, diagnosis, readings, window

SECONDS = 5
"""Readings of so many seconds are in each minute: 30 a second."""
IN_A_WINDOW = 30 * SECONDS


@dataclass
class Box:
    """A store with windows of five seconds' readings each, and the settings that name its centre."""

    store: Store
    config: Path
    credential: str
    centre: Centre

    def diagnose(self, minutes: range) -> None:
        for minute in minutes:
            for second in range(SECONDS):
                self.store.append(readings(60 * minute + second))
            self.store.record(window(minute), diagnosis(minute), [])

    def send_all(self) -> None:
        headers = {"Authorization": f"Bearer {self.credential}", "Content-Type": CONTENT_TYPE}
        with httpx.Client(base_url=self.centre.url, headers=headers, timeout=30) as client:
            while batch := self.store.next_batch():
                client.post("/api/v1/ingest", content=batch.body).raise_for_status()
                self.store.acknowledge(batch.boot, batch.number)

    def reconcile(self, *options: str) -> Result:
        arguments = ["sync", "reconcile", "--config", str(self.config), *options]
        return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})


@pytest.fixture
def box(postgres_url: str, tmp_path: Path) -> Iterator[Box]:
    centre = Centre(postgres_url, tmp_path / "centre.log")
    config, data = tmp_path / "agent.yaml", tmp_path / "data"
    document: dict[str, Any] = {
        "machine": str(MACHINE),
        "data_directory": str(data),
        "sources": {"mqtt": [{"name": "rig", "host": "127.0.0.1", "topics": [{"topic": "a", "sensor": "PS1"}]}]},
        "model": {"bundle": str(tmp_path)},
        "centre": {"url": centre.url, "spread_s": 0.0},
    }
    config.write_text(yaml.safe_dump(document))
    data.mkdir()
    enrolment = enrol(Link(centre.url), centre.token("press"), "press", "0.1.0", "")
    write_credential(data / "credential.json", enrolment)
    with Store.open(data / "store.db", "boot-1", retention=Retention(min_free_bytes=0)) as store:
        yield Box(store, config, enrolment.credential, centre)
    centre.stop()


def verdict(result: Result) -> str:
    return result.stdout.strip().splitlines()[-1]


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)


def test_a_box_and_its_centre_over_a_day_of_trouble(box: Box, postgres_url: str) -> None:
    """One after the other: all sent, some waiting, a row deleted, a window deleted, sent again, one twice."""
    box.diagnose(range(6))
    box.send_all()
    result = box.reconcile()
    assert result.exit_code == 0, result.output
    assert verdict(result) == "900 read: 900 at the centre; 0 missing, 0 twice"

    box.diagnose(range(6, 8))
    box.store.append(readings(8 * 60))
    box.store.append(readings(0, ["PS1"]))
    result = box.reconcile()
    assert (result.exit_code, verdict(result)) == (
        0,
        "1,240 read: 900 at the centre, 340 waiting; 0 missing, 0 twice",
    )
    box.store.record(window(8), diagnosis(8), [])
    box.send_all()
    result = box.reconcile()
    assert verdict(result) == "1,240 read: 1,230 at the centre, 10 late; 0 missing, 0 twice"

    execute(postgres_url, "DELETE FROM windows WHERE start_time = 'epoch'::timestamptz + '2 min' AND sensor = 'PS1'")
    execute(postgres_url, "DELETE FROM windows WHERE start_time = 'epoch'::timestamptz + '4 min'")
    execute(postgres_url, "DELETE FROM window_readings WHERE start_time = 'epoch'::timestamptz + '4 min'")
    result = box.reconcile("--json")
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert (said["missing"], said["twice"]) == (300, 0)
    assert [(one["start_us"] // MINUTE_US, one["sensors"]) for one in said["boots"][0]["windows"]] == [
        (2, ["PS1"]),
        (4, ["PS1", "PS2"]),
    ]
    assert said["boots"][0]["missing"] == [[300, 449], [600, 749]]
    shown = box.reconcile().stdout
    assert "1970-01-01 00:02:00  1970-01-01 00:03:00  300–449   PS1" in shown
    assert "hydrosight sync reconcile --resend" in shown

    result = box.reconcile("--resend")
    assert "2 windows will be sent again" in result.stdout
    assert (
        take_up(box.config.parent / "data" / "resend.json", box.store) == 8
    )  # with their diagnoses and the windows after them
    box.send_all()
    assert verdict(box.reconcile()) == "1,240 read: 1,230 at the centre, 10 late; 0 missing, 0 twice"

    execute(
        postgres_url,
        "UPDATE window_readings SET numbers = ARRAY[numbers[1] + '{[150,160)}'] WHERE start_time = 'epoch'",
    )
    result = box.reconcile()
    assert result.exit_code == 1
    assert "Twice, of boot boot-1: 150–159" in result.stdout
    assert verdict(result).endswith("0 missing, 10 twice")


def test_readings_are_accounted_for_long_after_the_box_has_shed_them(box: Box) -> None:
    box.diagnose(range(20))
    box.send_all()
    box.store.keep_within(Retention(max_bytes=1, min_free_bytes=0))
    box.store.prune()
    assert box.store.statistics().readings < 20 * IN_A_WINDOW
    assert box.store.windows(100) == []
    assert verdict(box.reconcile()) == "3,000 read: 3,000 at the centre; 0 missing, 0 twice"


def test_a_database_restored_from_a_backup_shows_what_came_after_it(box: Box, postgres_url: str) -> None:
    box.diagnose(range(3))
    box.send_all()
    for table in ("windows", "window_readings", "diagnoses", "receipts"):
        execute(postgres_url, f"DELETE FROM {table}")
    result = box.reconcile("--resend")
    assert (result.exit_code, verdict(result)) == (1, "450 read: 0 at the centre; 450 missing, 0 twice")
    take_up(box.config.parent / "data" / "resend.json", box.store)
    box.send_all()
    result = box.reconcile()
    assert (result.exit_code, verdict(result)) == (0, "450 read: 450 at the centre; 0 missing, 0 twice")


def test_what_cannot_be_compared_says_why(box: Box) -> None:
    unknown = box.reconcile("--boot", "nobody")
    assert (unknown.exit_code, "no boot nobody" in unknown.stderr) == (2, True)
    (box.config.parent / "data" / "credential.json").unlink()
    assert "isn't enrolled" in box.reconcile().stderr
    document = yaml.safe_load(box.config.read_text())
    box.config.write_text(yaml.safe_dump({key: value for key, value in document.items() if key != "centre"}))
    result = box.reconcile()
    assert (result.exit_code, "has no `centre`" in result.stderr) == (2, True)
