"""A box renews its credential: whatever is lost on the way, it holds one that is accepted."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from cloud_sync.edge.centre_client import CentreClient
from cloud_sync.edge.credential import read_credential, succeed_credential, write_credential
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.edge.rotation import PATH, rotate_credential
from cloud_sync.wire import Enrolment, decode_json
from edge_runtime.errors import CredentialError
from tests.forked import exit_code, start
from tests.integration.cloud.conftest import send
from tests.servers.batches import make_batch
from tests.servers.centre import Centre


def ask(centre: Centre, credential: str) -> httpx.Response:
    return httpx.post(f"{centre.url}{PATH}", headers={"Authorization": f"Bearer {credential}"}, timeout=30)


def successor(centre: Centre, credential: str) -> Enrolment:
    answer = ask(centre, credential)
    assert answer.status_code == 200, answer.text
    return decode_json(answer.content, Enrolment)


def accepted(centre: Centre, credential: str, number: int = 0) -> bool:
    return send(centre.url, credential, make_batch("rig", number)).status_code == 200


def age(url: str, days: float) -> None:
    """Let all credentials be older."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE credentials SET issued_at = issued_at - %(age)s, expires_at = expires_at - %(age)s, "
            "replaced_at = replaced_at - %(age)s",
            {"age": timedelta(days=days)},
        )


@pytest.fixture
def file(box: Enrolment, tmp_path: Path) -> Path:
    write_credential(tmp_path / "credential.json", box)
    return tmp_path / "credential.json"


def rotate(centre: Centre, file: Path) -> bool:
    async def once() -> bool:
        async with CentreClient(Link(centre.url)) as client:
            return await rotate_credential(client, file)

    return asyncio.run(once())


def test_an_enrolment_says_when_its_credential_ends(box: Enrolment) -> None:
    assert box.expires_us is not None


def test_the_centre_says_when_it_is_time(centre: Centre, box: Enrolment, postgres_url: str) -> None:
    assert "rotate" not in send(centre.url, box.credential, make_batch("rig", 0)).json()
    age(postgres_url, 61)
    assert send(centre.url, box.credential, make_batch("rig", 1)).json()["rotate"] is True


def test_the_old_one_is_accepted_until_the_new_one_was_used_and_for_minutes_after(
    centre: Centre, box: Enrolment, postgres_url: str
) -> None:
    new = successor(centre, box.credential)
    assert (new.agent, new.machine) == (box.agent, box.machine)
    assert accepted(centre, box.credential, 0)
    assert accepted(centre, new.credential, 1)
    assert accepted(centre, box.credential, 2)
    age(postgres_url, 11 / 24 / 60)
    assert not accepted(centre, box.credential, 3)
    assert accepted(centre, new.credential, 3)


def test_successors_that_were_lost_on_the_way_cost_nothing(centre: Centre, box: Enrolment) -> None:
    lost = [successor(centre, box.credential) for _ in range(3)]
    assert accepted(centre, box.credential, 0)
    kept = successor(centre, box.credential)
    assert accepted(centre, kept.credential, 1)
    assert ask(centre, box.credential).status_code == 401, "its successor is in use"
    assert {one.agent for one in (*lost, kept)} == {box.agent}


def test_a_batch_sent_under_both_credentials_is_one(centre: Centre, box: Enrolment) -> None:
    batch = make_batch("rig", 0)
    assert send(centre.url, box.credential, batch).json()["duplicate"] is False
    new = successor(centre, box.credential)
    assert send(centre.url, new.credential, batch).json()["duplicate"] is True


def test_what_has_expired_is_not_accepted_and_cannot_be_renewed(
    centre: Centre, box: Enrolment, postgres_url: str
) -> None:
    age(postgres_url, 91)
    assert "expired" in send(centre.url, box.credential, make_batch("rig", 0)).json()["detail"]
    assert ask(centre, box.credential).status_code == 401


def test_a_box_from_before_credentials_expired_gets_one_that_does(
    centre: Centre, box: Enrolment, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE credentials SET expires_at = NULL, issued_at = issued_at - INTERVAL '61 days'")
    assert send(centre.url, box.credential, make_batch("rig", 1)).json()["rotate"] is True
    assert successor(centre, box.credential).expires_us is not None


def test_a_revoked_box_gets_no_successor(centre: Centre, box: Enrolment) -> None:
    assert centre.run("machine", "revoke", "rig").returncode == 0
    assert ask(centre, box.credential).status_code == 401


def test_a_new_enrolment_during_the_rotation_wins(centre: Centre, box: Enrolment, file: Path) -> None:
    """The answer to the old credential arrives when the file holds another one already."""
    late = successor(centre, box.credential)
    fresh = enrol(Link(centre.url), centre.token("rig"), "rig", "0.1.0", "")
    write_credential(file, fresh)
    assert succeed_credential(file, box, late) is False
    assert read_credential(file) == fresh
    write_credential(file, box)
    with pytest.raises(CredentialError):
        rotate(centre, file)


def test_rotation_leaves_a_credential_that_works(centre: Centre, box: Enrolment, file: Path) -> None:
    for number in range(3):
        before = read_credential(file)
        assert rotate(centre, file)
        after = read_credential(file)
        assert after.credential != before.credential
        assert file.stat().st_mode & 0o777 == 0o600
        assert accepted(centre, after.credential, number)


def rotate_and_die(url: str, file: Path, calls: int) -> None:
    """Killed at the `calls`-th call that opens, renames or connects something."""

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal calls
        ours = event in {"open", "os.rename", "os.remove"} and str(arguments[0]).startswith(str(file.parent))
        if ours or event == "socket.connect":
            calls -= 1
            if calls == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    async def rotate() -> None:
        async with CentreClient(Link(url)) as client:
            sys.addaudithook(count)
            await rotate_credential(client, file)

    asyncio.run(rotate())


def test_killed_at_any_point_a_rotation_leaves_a_credential_that_works(
    centre: Centre, box: Enrolment, file: Path
) -> None:
    """At the first call that opens, renames or connects something, at the second, … until it gets through."""
    for number in count(1):
        ended = exit_code(start(rotate_and_die, centre.url, file, number))
        assert accepted(centre, read_credential(file).credential, number)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert number > 4, "it was killed before, during and after writing"
