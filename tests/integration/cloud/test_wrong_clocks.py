"""A box whose clock is a year off: what it sends is kept, flagged, and not mixed into now."""

import asyncio
import time

import httpx
import msgspec
import psycopg
import pytest

from cloud_sync.box_time import BoxTime
from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.retention import prune
from cloud_sync.wire import Batch, Enrolment, ReadingRange
from edge_runtime.alert import AlertState
from tests.integration.cloud.conftest import send
from tests.servers.batches import MINUTE_US, alert, clock_step, diagnosis, time_of, window
from tests.servers.centre import Centre

DAY_US = 24 * 60 * MINUTE_US
YEAR_US = 365 * DAY_US


@pytest.fixture
def now_us() -> int:
    return time.time_ns() // 1000 // MINUTE_US * MINUTE_US


def minutes(number: int, *starts_us: int, **more: object) -> Batch:
    """A batch of these minutes, of which the box was sure; readings are numbered from the batch's number on."""
    windows = [
        msgspec.structs.replace(
            window("rig", start_us), readings=(ReadingRange("boot-1", 100 * number + k, 100 * number + k),)
        )
        for k, start_us in enumerate(starts_us)
    ]
    diagnoses = tuple(diagnosis("rig", start_us) for start_us in starts_us)
    return Batch("boot-1", number, windows=tuple(windows), diagnoses=diagnoses, **more)


def counts(url: str) -> tuple[int, int, int, int]:
    """Rows of windows, diagnoses, components, and what was set apart."""
    tables = ("windows", "diagnoses", "component_diagnoses", "misdated_records")
    with psycopg.connect(url) as connection:
        return tuple(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)


async def prune_after_a_month(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await prune(connection, CloudSettings(keep_windows_days=30, keep_diagnoses_days=30))


def test_a_year_ahead(centre: Centre, box: Enrolment, operator: httpx.Client, postgres_url: str, now_us: int) -> None:
    right = [now_us - 3 * MINUTE_US, now_us - 2 * MINUTE_US]
    ahead = [start_us + YEAR_US for start_us in right]
    alerts = (alert("rig", "leak", AlertState.RAISED, ahead[0]),)
    later = (alert("rig", "late", AlertState.RAISED, now_us + 5 * MINUTE_US),)
    box_time = BoxTime(now_us + YEAR_US, now_us + YEAR_US - DAY_US, "bounded")

    assert send(centre.url, box.credential, minutes(0, *right)).status_code == 200
    for number in (1, 1, 2):  # as it is, again, and sealed anew
        assert send(centre.url, box.credential, minutes(number, *ahead, alerts=alerts), box_time).status_code == 200
    send(centre.url, box.credential, Batch("boot-1", 3, alerts=later), box_time)

    # Batch 2 numbers its readings anew: other windows, though of the same minutes. Its diagnoses are the same ones.
    assert counts(postgres_url) == (6, 2, 4, 6)
    status = operator.get("/api/v1/machines/rig").json()["status"]
    assert status["diagnosed_until"] == time_of(right[1] + MINUTE_US).isoformat().replace("+00:00", "Z")
    assert status["lag_s"] < 3600
    assert (status["standing_alerts"], status["misdated"], status["clock_state"]) == (2, 6, "bounded")
    assert status["clock_offset_s"] == pytest.approx(365 * 86_400, abs=3600)
    assert "365 d ahead" in centre.run("fleet").stdout
    newest = operator.get("/api/v1/machines/rig/diagnoses/latest").json()["window_start"]
    assert newest == time_of(right[1]).isoformat().replace("+00:00", "Z")
    assert [item["id"] for item in operator.get("/api/v1/machines/rig/alerts").json()] == ["late", "leak"]
    flagged = operator.get("/api/v1/machines/rig/misdated").json()
    assert {item["clock"] for item in flagged} == {"ahead"}
    assert sorted(item["kind"] for item in flagged) == ["diagnosis"] * 2 + ["window"] * 4
    (boot,) = operator.get("/api/v1/machines/rig/ledger").json()["boots"]
    assert boot["received"] == [[0, 1], [100, 101], [200, 201]]
    assert "hydrosight_centre_misdated_records_total 8.0" in httpx.get(f"{centre.url}/metrics").text


def test_a_year_behind(centre: Centre, box: Enrolment, operator: httpx.Client, postgres_url: str, now_us: int) -> None:
    """It takes the place of nothing of that time, isn't pruned for its time, and backlog goes where it belongs."""
    then_us = now_us - YEAR_US
    woke_us = then_us - 10 * MINUTE_US
    box_time = BoxTime(then_us, woke_us, "suspect")
    assert send(centre.url, box.credential, minutes(0, then_us - 5 * MINUTE_US)).status_code == 200
    before = counts(postgres_url)

    behind = minutes(1, then_us - 5 * MINUTE_US, then_us - 4 * MINUTE_US)
    backlog = minutes(2, now_us - 2 * DAY_US, woke_us - 5 * MINUTE_US)
    answers = [send(centre.url, box.credential, batch, box_time) for batch in (behind, backlog)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert before == (3, 1, 2, 0)
    assert counts(postgres_url) == (9, 3, 6, 4)
    flagged = operator.get("/api/v1/machines/rig/misdated").json()
    assert [item["clock"] for item in flagged] == ["behind"] * 4
    status = operator.get("/api/v1/machines/rig").json()["status"]
    assert status["clock_offset_s"] == pytest.approx(-365 * 86_400, abs=3600)
    assert "365 d behind" in centre.run("fleet").stdout
    asyncio.run(prune_after_a_month(postgres_url))
    windows, diagnoses, _, misdated = counts(postgres_url)
    assert (windows, diagnoses, misdated) == (3, 1, 4)


def test_what_was_stamped_until_the_clock_was_put_forward(
    centre: Centre, box: Enrolment, operator: httpx.Client, postgres_url: str, now_us: int
) -> None:
    """The box is right by the time it has a network: the step, in the same batch, tells what was wrong."""
    then_us = now_us - YEAR_US
    start = msgspec.structs.replace(clock_step("rig", 1, then_us), before_us=then_us)
    step = msgspec.structs.replace(clock_step("rig", 2, now_us), before_us=then_us + 10 * MINUTE_US)
    batch = minutes(0, then_us + MINUTE_US, now_us - MINUTE_US, now_us - 3 * YEAR_US, clock_steps=(start, step))

    assert send(centre.url, box.credential, batch, BoxTime(now_us, now_us, "synced")).status_code == 200
    assert send(centre.url, box.credential, minutes(1, then_us + 2 * MINUTE_US)).status_code == 200

    assert counts(postgres_url) == (6, 2, 4, 4)
    assert {item["clock"] for item in operator.get("/api/v1/machines/rig/misdated").json()} == {"behind"}
