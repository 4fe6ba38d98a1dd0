"""Enrolment: from a one-time token to a credential of the box's own."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
import trustme

from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.wire import Enrolment
from edge_runtime.errors import CentreUnreachableError, ConfigurationError, CredentialError, RefusedError
from tests.integration.cloud.conftest import send
from tests.servers.batches import make_batch
from tests.servers.centre import Centre


def test_a_token_from_the_command_line_enrols_a_box(centre: Centre, postgres_url: str) -> None:
    said = json.loads(centre.run("enroll", "rig", "--json").stdout)

    enrolment = enrol(Link(centre.url), said["token"], "rig", "0.1.0", "name: rig\n")

    assert enrolment.machine == "rig"
    assert send(centre.url, enrolment.credential, make_batch("rig", 0)).status_code == 200
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT machine_file FROM machines").fetchone() == ("name: rig\n",)


def test_no_secret_is_stored_in_the_clear(centre: Centre, box: Enrolment, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        stored = connection.execute("SELECT secret_sha256 FROM credentials").fetchone()[0]
        everything = str(connection.execute("SELECT a, t FROM credentials a, enrolment_tokens t").fetchall())

    assert len(stored) == 32
    assert box.credential.split("_", 2)[2] not in everything


def test_a_used_token_is_refused(centre: Centre) -> None:
    token = centre.token("rig")
    enrol(Link(centre.url), token, "rig", "0.1.0", "")

    with pytest.raises(CredentialError, match="used before") as refused:
        enrol(Link(centre.url), token, "rig", "0.1.0", "")

    assert "hydrosight-cloud enroll rig" in refused.value.hint


def test_of_many_boxes_with_one_token_one_is_enrolled(centre: Centre, postgres_url: str) -> None:
    token = centre.token("rig")
    request = {"token": token, "machine": "rig", "agent_version": "0.1.0"}

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: httpx.post(f"{centre.url}/api/v1/enrol", json=request), range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM agents").fetchone() == (1,)


def test_an_expired_token_is_refused(centre: Centre) -> None:
    token = centre.token("rig", valid_for=timedelta(seconds=-1))

    with pytest.raises(CredentialError, match="expired"):
        enrol(Link(centre.url), token, "rig", "0.1.0", "")


def test_a_revoked_token_is_refused(centre: Centre) -> None:
    token = centre.token("rig")
    assert centre.run("machine", "revoke", "rig").returncode == 0

    with pytest.raises(CredentialError, match="revoked"):
        enrol(Link(centre.url), token, "rig", "0.1.0", "")


def test_a_machine_whose_box_was_revoked_is_shown_with_when_it_last_sent(centre: Centre, box: Enrolment) -> None:
    assert send(centre.url, box.credential, make_batch(box.machine, 0)).status_code == 200
    assert centre.run("machine", "revoke", box.machine).returncode == 0

    (status,) = json.loads(centre.run("fleet", "--json").stdout)

    assert (status["agent"], status["last_seen"] is not None) == (None, True)
    said = centre.run("fleet").stdout
    assert "revoked" in said
    assert "never" not in said


@pytest.mark.parametrize("token", ["nonsense", "hse_000000000000_AAAA", "hsa_1_2", "hse_1", ""])
def test_a_wrong_token_is_refused(centre: Centre, token: str) -> None:
    with pytest.raises(CredentialError, match="token"):
        enrol(Link(centre.url), token, "rig", "0.1.0", "")


def test_a_token_for_another_machine_is_refused_and_stays_unused(centre: Centre) -> None:
    token = centre.token("rig")

    with pytest.raises(CredentialError, match="'rig', not 'press'"):
        enrol(Link(centre.url), token, "press", "0.1.0", "")

    assert enrol(Link(centre.url), token, "rig", "0.1.0", "").machine == "rig"


def test_a_new_box_takes_the_place_of_the_old_one(centre: Centre, box: Enrolment) -> None:
    replacement = enrol(Link(centre.url), centre.token("rig"), "rig", "0.1.0", "")

    assert send(centre.url, box.credential, make_batch("rig", 0)).status_code == 401
    assert send(centre.url, replacement.credential, make_batch("rig", 0)).status_code == 200


def test_a_request_that_is_not_one_is_refused(centre: Centre) -> None:
    answer = httpx.post(f"{centre.url}/api/v1/enrol", content=b"[]")

    assert answer.status_code == 400
    with pytest.raises(RefusedError, match="agent_version"):
        enrol(Link(centre.url), centre.token("rig"), "rig", "x" * 65, "")


def test_http_to_another_host_is_refused_before_the_token_leaves() -> None:
    with pytest.raises(ConfigurationError, match="not encrypted"):
        enrol(Link("http://centre.example.com"), "hse_1_2", "rig", "0.1.0", "")


def test_nobody_answers() -> None:
    with pytest.raises(CentreUnreachableError, match="no answer"):
        enrol(Link("http://127.0.0.1:1"), "hse_1_2", "rig", "0.1.0", "")


def test_tls_is_verified(postgres_url: str, tmp_path: Path) -> None:
    """The centre's own CA is believed when it is named, and nobody else's is."""
    ca, stranger = trustme.CA(), trustme.CA()
    certificate = ca.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "stranger.pem")
    options = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    centre = Centre(postgres_url, tmp_path / "centre.log", *options)
    try:
        token = centre.token("rig")
        for ca_file in (None, tmp_path / "stranger.pem"):
            with pytest.raises(CentreUnreachableError, match="isn't one to believe") as refused:
                enrol(Link(centre.url, ca_file), token, "rig", "0.1.0", "")
            assert "ca_file" in refused.value.hint
        assert enrol(Link(centre.url, tmp_path / "ca.pem"), token, "rig", "0.1.0", "").machine == "rig"
    finally:
        centre.stop()
