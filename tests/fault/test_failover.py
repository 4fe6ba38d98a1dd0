"""The database's server is lost for good and its standby takes over: nothing acknowledged is missing or there twice."""

import json
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import httpx
import psycopg
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cloud_sync.batch_codec import CONTENT_TYPE, encode_batch
from cloud_sync.cloud.cli.main import app
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from tests.servers.batches import MINUTE_US, SENSORS, START_US, make_batch, window
from tests.servers.centre import Centre
from tests.servers.postgres import PostgresServer
from tests.servers.stored_windows import prepare, put_windows

pytestmark = pytest.mark.servers

MACHINES = ("rig", "press", "crane")
BATCHES = 12
WINDOWS = 2


@dataclass(frozen=True)
class Pair:
    """A primary that acknowledges a commit once its standby has it, too."""

    primary: PostgresServer
    standby: PostgresServer

    @property
    def url(self) -> str:
        """That leads to whichever of the two takes writes."""
        servers = f"{self.primary.address},{self.standby.address}"
        return f"postgresql://postgres@{servers}/postgres?target_session_attrs=read-write"

    def lose_primary(self) -> None:
        """Kill all its processes at once, as when its machine loses power."""
        self.primary.signal(signal.SIGKILL)
        self.primary.kill()


@pytest.fixture
def pair() -> Iterator[Pair]:
    with (
        tempfile.TemporaryDirectory(prefix="hydrosight-primary-") as first,
        tempfile.TemporaryDirectory(prefix="hydrosight-standby-") as second,
    ):
        primary = PostgresServer(Path(first), "-c", "synchronous_standby_names=*")
        standby = PostgresServer(Path(second), primary=primary)
        yield Pair(primary, standby)
        standby.kill()
        primary.kill()


@pytest.fixture
def centre(pair: Pair, tmp_path: Path) -> Iterator[Centre]:
    centre = Centre(pair.url, tmp_path / "centre.log", box_requests_per_minute="0", retry_after_s="1")
    yield centre
    centre.stop()


class Box:
    """Sends batches one after the other, each until it is acknowledged, and then never again."""

    def __init__(self, centre: Centre, machine: str) -> None:
        self.machine = machine
        credential = enrol(Link(centre.url), centre.token(machine), machine, "1", "").credential
        headers = {"Authorization": f"Bearer {credential}", "Content-Type": CONTENT_TYPE}
        self.client = httpx.Client(base_url=centre.url, headers=headers, timeout=30)

    def send(self, numbers: range) -> None:
        deadline = time.monotonic() + 120
        for number in numbers:
            body = encode_batch(make_batch(self.machine, number, windows=WINDOWS))
            while (answer := self.client.post("/api/v1/ingest", content=body)).status_code != 200:
                assert answer.status_code == 503, answer.text
                assert time.monotonic() < deadline, f"batch {number} of {self.machine} isn't taken"
                time.sleep(0.05)


def test_boxes_go_on_with_the_promoted_standby_which_has_all_that_was_acknowledged(pair: Pair, centre: Centre) -> None:
    boxes = [Box(centre, machine) for machine in MACHINES]
    with ThreadPoolExecutor(len(boxes)) as threads:
        list(threads.map(Box.send, boxes, repeat(range(BATCHES // 2))))
        pair.standby.signal(signal.SIGSTOP)  # what is committed from now on, the primary alone has
        sending = [threads.submit(box.send, range(BATCHES // 2, BATCHES)) for box in boxes]
        wait_until(lambda: waiting_commits(pair.primary) == len(boxes))
        pair.lose_primary()
        pair.standby.signal(signal.SIGCONT)
        pair.standby.promote()
        for job in sending:
            job.result(150)

    for machine in MACHINES:
        assert received(pair.standby, machine) == list(range(BATCHES))
        assert rows_of(pair.standby, machine) == {
            "windows": BATCHES * WINDOWS * len(SENSORS),
            "diagnoses": BATCHES * WINDOWS,
            "alerts": BATCHES,
            "gaps": BATCHES,
        }
    assert "Traceback" not in centre.log


def test_recordings_and_dashboards_are_read_from_the_standby_which_is_said_to_be_one(
    pair: Pair, tmp_path: Path
) -> None:
    prepare(pair.primary.url)
    put_windows(pair.primary.url, [window("rig", START_US + k * MINUTE_US) for k in range(WINDOWS)])
    wait_until(lambda: rows_of(pair.standby, "rig")["windows"] == WINDOWS * len(SENSORS))
    environment = {"HYDROSIGHT_DATABASE_URL": pair.standby.url}

    exported = CliRunner().invoke(app, ["export", "rig", "--output", str(tmp_path / "out")], env=environment)
    checked = CliRunner().invoke(app, ["db", "check", "--json"], env=environment)

    assert exported.exit_code == 0, exported.output
    signals = pq.read_table(tmp_path / "out" / "rig" / "signals.parquet")
    assert signals.num_rows == WINDOWS * len(SENSORS) * 60
    assert checked.exit_code == 1
    findings = {finding["found"]: finding["severity"] for finding in json.loads(checked.stdout)}
    assert findings["this is a standby, and takes no writes"] == "failure"
    with psycopg.connect(pair.standby.url) as connection:
        connection.execute("SET ROLE hydrosight_dashboard")
        assert connection.execute("SELECT count(*) FROM windows").fetchone() == (WINDOWS * len(SENSORS),)
        assert connection.execute("SELECT count(*) FROM health_by_day").fetchone() == (0,)


def waiting_commits(server: PostgresServer) -> int:
    """How many wait for the standby."""
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchone()
        assert row is not None
        return int(row[0])


def received(server: PostgresServer, machine: str) -> list[int]:
    """Numbers of the batches that are there."""
    with psycopg.connect(server.url) as connection:
        numbers = "SELECT number FROM receipts JOIN agents ON id = agent WHERE machine = %s ORDER BY number"
        return [row[0] for row in connection.execute(numbers, (machine,))]


def rows_of(server: PostgresServer, machine: str) -> dict[str, int]:
    found = {}
    with psycopg.connect(server.url) as connection:
        for table in ("windows", "diagnoses", "alerts", "gaps"):
            row = connection.execute(f"SELECT count(*) FROM {table} WHERE machine = %s", (machine,)).fetchone()
            assert row is not None
            found[table] = int(row[0])
    return found


def wait_until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
