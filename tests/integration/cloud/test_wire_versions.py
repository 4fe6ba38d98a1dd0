"""Boxes behind and ahead of the centre: all sync, nothing is dropped."""

import asyncio
import random
import time
from pathlib import Path

import httpx
import msgspec
import psycopg
import pytest
import zstandard

from cloud_sync.edge.centre_client import CentreClient
from cloud_sync.edge.credential import write_credential
from cloud_sync.edge.gate import Gate, Limits
from cloud_sync.edge.lane import EVERY_LANE, Lane
from cloud_sync.edge.link import Link
from cloud_sync.edge.sealed_batch import SealedBatch
from cloud_sync.edge.uplink import Uplink
from cloud_sync.wire import WIRE_MINOR, Enrolment
from edge_runtime.errors import CentreUnreachableError
from tests.contract.test_wire import golden, later
from tests.integration.cloud.conftest import send
from tests.memory_outbox import MemoryOutbox
from tests.servers.centre import Centre


def test_batches_of_every_minor_add_up(centre: Centre, box: Enrolment, postgres_url: str) -> None:
    """All of them tell of the same minute, each in the words of its time: what the later ones add is added."""
    answers = [send(centre.url, box.credential, _renumbered(golden(minor), minor)) for minor in range(WIRE_MINOR + 1)]

    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert not any(answer.json()["duplicate"] for answer in answers)
    with psycopg.connect(postgres_url) as connection:
        tables = ("receipts", "windows", "window_readings", "diagnoses", "alerts", "gaps", "clock_steps")
        rows = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
        assert rows == [WIRE_MINOR + 1, 2, 1, 1, 1, 1, 1]
        assert connection.execute("SELECT count(*) FROM unknown_fields").fetchone() == (0,)


def _renumbered(body: bytes, number: int) -> bytes:
    reader = zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True)
    said = msgspec.msgpack.decode(reader.read())
    return zstandard.compress(msgspec.msgpack.encode({**said, "number": number}))


@pytest.mark.parametrize("ahead", [1, 2])
def test_a_box_ahead_of_the_centre_loses_nothing(
    centre: Centre, box: Enrolment, operator: httpx.Client, postgres_url: str, ahead: int
) -> None:
    said = later(WIRE_MINOR + ahead)
    first = zstandard.compress(msgspec.msgpack.encode(said))
    sealed_anew = zstandard.compress(msgspec.msgpack.encode({**said, "boot": "boot-3"}))

    answers = [send(centre.url, box.credential, body).json()["duplicate"] for body in (first, first, sealed_anew)]

    assert answers == [False, True, False]
    kept = {(item["record"], item["key"]): item for item in operator.get("/api/v1/machines/rig/unknown-fields").json()}
    start = str(said["windows"][0]["start_us"])
    mood = {"at": WIRE_MINOR + ahead, "raw": "AP8="}
    assert len(kept) == 7
    for boot in ("boot-2", "boot-3"):
        about = kept["batch", f"{boot} 7"]
        assert about["names"] == ["mood", "spectra"]
        assert about["fields"] == {"mood": mood, "spectra": [{"machine": "rig", "bins": [1.5, None]}]}
        assert about["schema_minor"] == WIRE_MINOR + ahead
    assert kept["windows", start]["fields"] == {
        "mood": mood,
        "channels": {"PS1": {"mood": mood}, "TS1": {"mood": mood}},
    }
    assert kept["alerts", "alert-1 raised"]["fields"] == {"mood": mood}
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM windows").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM diagnoses").fetchone() == (1,)
    assert "hydrosight_centre_unknown_records_total 12.0" in httpx.get(f"{centre.url}/metrics").text


def test_what_json_has_no_form_for_is_kept_all_the_same(centre: Centre, box: Enrolment, operator: httpx.Client) -> None:
    odd = msgspec.msgpack.Ext(5, b"x")
    body = zstandard.compress(msgspec.msgpack.encode({"boot": "b", "number": 1, "odd": odd}))

    assert send(centre.url, box.credential, body).status_code == 200

    (item,) = operator.get("/api/v1/machines/rig/unknown-fields").json()
    assert (item["names"], item["fields"], item["msgpack"]) == (["odd"], None, "gaNvZGTUBXg=")


def test_a_box_keeps_what_a_centre_of_another_major_refuses(centre: Centre, box: Enrolment, tmp_path: Path) -> None:
    body = zstandard.compress(msgspec.msgpack.encode({"schema_version": 2, "name": ["of", "another", "form"]}))
    outbox = MemoryOutbox([SealedBatch(Lane.FRESH, "boot", 0, 5, body)])
    write_credential(tmp_path / "credential", box)

    async def try_to_send() -> None:
        async with CentreClient(Link(centre.url)) as client:
            gate = Gate(Limits(spread_s=0), random.Random(0), time.monotonic())
            uplink = Uplink(
                client, outbox, tmp_path / "credential", gate, report=lambda _: None, jitter=random.Random(0)
            )
            permit = gate.permit(time.monotonic(), uplink._now(), 0)
            assert permit.lanes == EVERY_LANE
            await uplink.send_one(permit)

    with pytest.raises(CentreUnreachableError, match="schema 2") as refused:
        asyncio.run(try_to_send())

    assert "upgrade hydrosight on the server" in refused.value.hint
    assert (len(outbox.waiting), outbox.refused, outbox.acknowledged) == (1, [], [])
