import asyncio
import json

import pytest

from agent.core import CoreThread
from agent.status import AgentStatus
from agent.store.store import Store
from agent.sync_desk import SyncDesk
from cloud_sync.edge.credential import write_credential
from cloud_sync.edge.lane import Lane
from cloud_sync.wire import Enrolment
from tests.unit.agent.cli.conftest import failed


def open_store(box):
    return Store.open(box.folder / "data" / "store.db", "boot-2")


@pytest.fixture
def refused(recorded):
    """A box whose centre took everything but one window."""
    with open_store(recorded) as store:
        while batch := store.next_batch():
            starts = {item.start_us for item in batch.opened().windows}
            if starts and min(starts) == store.windows(3)[-1].start_us:
                store.refuse(batch.boot, batch.number, "422 values don't fit", len(batch.body))
            else:
                store.acknowledge(batch.boot, batch.number, len(batch.body))
    return recorded


def let_the_agent_do_it(box):
    """One look of the running agent's desk."""

    async def look():
        core = CoreThread()
        store = await core.call(open_store, box)
        desk = SyncDesk(core, store, AgentStatus(), box.folder / "data" / "dead-letter-requests")

        async def stop(_):
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await desk.run(sleep=stop)
        await core.call(store.close)
        core.close()
        return desk.figures

    return asyncio.run(look())


def test_what_waits_is_shown_by_lane(recorded):
    document = recorded.json("sync")
    assert {lane: content["records"] for lane, content in document["lanes"].items()} == {
        "alert": 3,
        "diagnosis": 3,
        "fresh": 3,
        "backlog": 0,
    }
    assert document["uplink"] is None
    text = " ".join(recorded.run("sync").stdout.split())
    assert "nothing is sent" in text
    assert "hydrosight enrol" not in text or "isn't enrolled" in text


def test_when_the_credential_ends_is_shown(recorded):
    enrolment = Enrolment("a", "hsa_a_b", "tiny", expires_us=1_800_000_000_000_000)
    write_credential(recorded.folder / "data" / "credential.json", enrolment)
    assert recorded.json("sync")["credential_expires_us"] == enrolment.expires_us
    assert "valid until 2027-01-15" in recorded.run("sync").stdout


def test_bytes_of_today_are_shown(refused):
    today = refused.json("sync")["today"]
    assert all(today[lane]["bytes"] > 0 for lane in ("alert", "diagnosis", "fresh"))
    assert today["backlog"] == {"batches": 0, "bytes": 0}


def test_dead_letters_are_listed_with_the_centres_reason(refused):
    (letter,) = refused.json("sync", "dead-letters")
    assert (letter["record_class"], letter["reason"]) == ("window", "422 values don't fit")
    assert "values don't fit" in refused.run("sync", "dead-letters").stdout
    assert "dead-letters" in refused.run("sync").stdout


def test_no_dead_letters(recorded):
    assert recorded.run("sync", "dead-letters").stdout.strip() == "The centre refused nothing."


def test_one_is_shown_whole(refused):
    (letter,) = refused.json("sync", "dead-letters")
    document = json.loads(refused.run("sync", "dead-letters", "show", str(letter["id"])).stdout)
    assert document["content"]["machine"] == "tiny"
    assert document["content"]["channels"]


@pytest.mark.parametrize("verb", ["show", "retry", "drop"])
def test_one_that_is_not_there(refused, verb):
    assert "no dead letter 999" in failed(refused.run("sync", "dead-letters", verb, "999"), 1)


def test_retry_is_done_by_the_agent_once_it_looks(refused):
    (letter,) = refused.json("sync", "dead-letters")
    asked = refused.json("sync", "dead-letters", "retry", str(letter["id"]))
    assert asked == {"asked_for": "retry", "id": letter["id"]}
    assert len(refused.json("sync", "dead-letters")) == 1, "commands don't write to the store"
    figures = let_the_agent_do_it(refused)
    assert figures.dead_letters == 0
    assert figures.lanes[Lane.BACKLOG].records == 1
    assert list((refused.folder / "data" / "dead-letter-requests").iterdir()) == []


def test_drop_is_written_into_the_ledger(refused):
    (letter,) = refused.json("sync", "dead-letters")
    assert refused.run("sync", "dead-letters", "drop", str(letter["id"])).exit_code == 0
    assert let_the_agent_do_it(refused).dead_letters == 0
    (loss,) = refused.json("buffer")["losses"]
    assert (loss["cause"], loss["unsent"]) == ("refused by the centre", 1)


def test_what_is_no_request_is_left_alone(refused):
    folder = refused.folder / "data" / "dead-letter-requests"
    folder.mkdir()
    (folder / "retry-everything").touch()
    assert let_the_agent_do_it(refused).dead_letters == 1
    assert [file.name for file in folder.iterdir()] == ["retry-everything"]
