"""What the centre says of the readings that it holds, in a real PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import psycopg
import pytest

from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import (
    Batch,
    BootLedger,
    Enrolment,
    IncompleteWindow,
    Ledger,
    ReadingRange,
    RepeatedReadings,
    WindowRecord,
)
from tests.integration.cloud.conftest import send
from tests.servers.batches import MINUTE_US, START_US, window
from tests.servers.centre import Centre

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def postgres_url(module_postgres_url: str) -> str:
    """One database for all tests here: each has a machine of its own."""
    return module_postgres_url


@pytest.fixture(scope="module")
def centre(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    server = Centre(postgres_url, tmp_path_factory.mktemp("centre") / "centre.log")
    yield server
    server.stop()


@pytest.fixture
def box(centre: Centre, request: pytest.FixtureRequest) -> Enrolment:
    machine = f"m{abs(hash(request.node.name))}"
    return enrol(Link(centre.url), centre.token(machine), machine, "0.1.0", "")


@pytest.fixture(scope="module")
def operator(centre: Centre) -> Iterator[httpx.Client]:
    token = centre.operator_token("tests")
    with httpx.Client(base_url=centre.url, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


def minute(box: Enrolment, number: int, *readings: tuple[str, int, int]) -> WindowRecord:
    record = window(box.machine, START_US + number * MINUTE_US)
    return msgspec.structs.replace(record, readings=tuple(ReadingRange(*item) for item in readings))


def ledger(centre: Centre, box: Enrolment) -> Ledger:
    answer = httpx.get(f"{centre.url}/api/v1/ledger", headers={"Authorization": f"Bearer {box.credential}"})
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=Ledger)


@pytest.fixture
def three_minutes(centre: Centre, box: Enrolment) -> None:
    """Windows of 100 readings; the readings around each end came in turns."""
    windows = (
        minute(box, 0, ("a", 0, 94), ("a", 96, 100)),
        minute(box, 1, ("a", 95, 95), ("a", 101, 199)),
        minute(box, 2, ("a", 200, 249), ("b", 0, 49)),
    )
    assert send(centre.url, box.credential, Batch("a", 0, windows=windows)).status_code == 200


def delete(url: str, rows: str, box: Enrolment, start: datetime) -> None:
    """Delete `rows`: a table and a condition on start_time."""
    with psycopg.connect(url) as connection:
        connection.execute(f"DELETE FROM {rows} %s AND machine = %s", (start, box.machine))


def start_of(number: int) -> datetime:
    return EPOCH + timedelta(microseconds=START_US + number * MINUTE_US)


def test_windows_in_a_row_are_one_range(centre: Centre, box: Enrolment, three_minutes: None) -> None:
    assert ledger(centre, box) == Ledger(box.machine, (BootLedger("a", 3, ((0, 249),)), BootLedger("b", 1, ((0, 49),))))


def test_a_window_that_comes_again_isnt_counted_twice(centre: Centre, box: Enrolment, three_minutes: None) -> None:
    before = ledger(centre, box)
    again = Batch("other", 7, windows=(minute(box, 1, ("a", 95, 95), ("a", 101, 199)),))
    assert send(centre.url, box.credential, again).json()["duplicate"] is False
    assert ledger(centre, box) == before


def test_a_window_cut_anew_with_other_readings_doesnt_hold_them(
    centre: Centre, box: Enrolment, three_minutes: None
) -> None:
    anew = Batch("c", 0, windows=(minute(box, 1, ("a", 101, 150), ("c", 0, 49)),))
    assert send(centre.url, box.credential, anew).status_code == 200
    assert [boot.boot for boot in ledger(centre, box).boots] == ["a", "b"]


def test_readings_in_two_windows_are_named_with_both(centre: Centre, box: Enrolment, three_minutes: None) -> None:
    overlapping = Batch("a", 1, windows=(minute(box, 3, ("a", 190, 210), ("a", 300, 310)),))
    assert send(centre.url, box.credential, overlapping).status_code == 200
    held = ledger(centre, box)
    assert held.boots[0] == BootLedger("a", 4, ((0, 249), (300, 310)), twice=((190, 210),))
    assert held.repeated == (
        RepeatedReadings("a", START_US + 3 * MINUTE_US, ((190, 210),)),
        RepeatedReadings("a", START_US + 2 * MINUTE_US, ((200, 210),)),
        RepeatedReadings("a", START_US + MINUTE_US, ((190, 199),)),
    )


def test_a_row_that_is_gone_takes_its_window_out_of_the_ledger(
    centre: Centre, box: Enrolment, three_minutes: None, postgres_url: str
) -> None:
    delete(postgres_url, "windows WHERE sensor = 'PS1' AND start_time =", box, start_of(1))
    held = ledger(centre, box)
    assert held.boots[0] == BootLedger("a", 2, ((0, 94), (96, 100), (200, 249)))
    assert held.incomplete == (IncompleteWindow(START_US + MINUTE_US, ("FS1", "TS1")),)


def test_a_window_sent_again_fills_what_is_gone(
    centre: Centre, box: Enrolment, three_minutes: None, postgres_url: str
) -> None:
    before = ledger(centre, box)
    delete(postgres_url, "windows WHERE start_time =", box, start_of(1))
    delete(postgres_url, "window_readings WHERE start_time =", box, start_of(2))
    missing = ledger(centre, box)
    assert missing.boots == (BootLedger("a", 1, ((0, 94), (96, 100))),)
    assert missing.unaccounted_us == (START_US + 2 * MINUTE_US,)
    again = (minute(box, 1, ("a", 95, 95), ("a", 101, 199)), minute(box, 2, ("a", 200, 249), ("b", 0, 49)))
    send(centre.url, box.credential, Batch("a", 1, windows=again))
    assert ledger(centre, box) == before


def test_what_retention_took_is_told_apart_from_what_is_missing(
    centre: Centre, box: Enrolment, three_minutes: None, postgres_url: str
) -> None:
    delete(postgres_url, "windows WHERE start_time <", box, start_of(1))
    held = ledger(centre, box)
    assert held.boots[0] == BootLedger("a", 2, ((95, 95), (101, 249)), expired=((0, 94), (96, 100)))
    assert held.incomplete == ()


def test_windows_of_an_older_box_are_not_accounted_for(centre: Centre, box: Enrolment) -> None:
    send(centre.url, box.credential, Batch("old", 0, windows=(minute(box, 0), minute(box, 1))))
    assert ledger(centre, box) == Ledger(box.machine, (), unaccounted_us=(START_US + MINUTE_US, START_US))


def test_an_operator_reads_the_same(
    centre: Centre, box: Enrolment, three_minutes: None, operator: httpx.Client
) -> None:
    answer = operator.get(f"/api/v1/machines/{box.machine}/ledger")
    assert msgspec.json.decode(answer.content, type=Ledger) == ledger(centre, box)
    assert operator.get("/api/v1/machines/nobody/ledger").status_code == 404


def test_only_who_may_see_it_does(centre: Centre, box: Enrolment, operator: httpx.Client) -> None:
    as_box = {"Authorization": f"Bearer {box.credential}"}
    assert httpx.get(f"{centre.url}/api/v1/ledger").status_code == 401
    assert httpx.get(f"{centre.url}/api/v1/machines/{box.machine}/ledger", headers=as_box).status_code == 401
    assert operator.get("/api/v1/ledger").status_code == 401


@pytest.mark.parametrize(
    "readings", [("", 0, 1), ("a", -1, 1), ("a", 2, 1), ("a", 0, 2**63 - 1), ("x" * 129, 0, 1), ("a\0", 0, 1)]
)
def test_numbers_that_cannot_be_are_refused(
    centre: Centre, box: Enrolment, readings: tuple[str, int, int], postgres_url: str
) -> None:
    answer = send(centre.url, box.credential, Batch("a", 0, windows=(minute(box, 0, readings),)))
    assert answer.status_code == 422
    assert "windows.0.readings" in answer.json()["detail"]
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT FROM windows WHERE machine = %s", (box.machine,)).rowcount == 0
