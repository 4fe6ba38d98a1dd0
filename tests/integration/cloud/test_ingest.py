"""Ingest over real HTTP into a real PostgreSQL."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import msgspec
import numpy as np
import psycopg
import pytest
import zstandard

from cloud_sync.batch_codec import ANY_RATIO_BYTES, CONTENT_TYPE, MAX_BATCH_BYTES, MAX_COMPRESSED_BYTES, encode_batch
from cloud_sync.cloud.store.arrays import register_arrays
from cloud_sync.wire import Batch, Enrolment
from tests.integration.cloud.conftest import send
from tests.servers.batches import SENSORS, diagnosis, make_batch, time_of, window
from tests.servers.centre import Centre

AT_ONCE = int(os.environ.get("HYDROSIGHT_BATCHES_AT_ONCE", "12"))


def counts(url: str) -> dict[str, int]:
    tables = ("receipts", "windows", "diagnoses", "component_diagnoses", "alerts", "gaps", "clock_steps")
    with psycopg.connect(url) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


ONE_BATCH = {
    "receipts": 1,
    "windows": 6,
    "diagnoses": 2,
    "component_diagnoses": 4,
    "alerts": 1,
    "gaps": 1,
    "clock_steps": 1,
}


def test_a_batch_becomes_rows(centre: Centre, box: Enrolment, postgres_url: str) -> None:
    batch = make_batch("rig", 0)

    answer = send(centre.url, box.credential, batch)

    assert answer.status_code == 200
    assert answer.json() == {"boot": "boot-1", "number": 0, "duplicate": False}
    assert counts(postgres_url) == ONE_BATCH
    with psycopg.connect(postgres_url) as connection:
        register_arrays(connection)
        rows = (
            connection.cursor(binary=True).execute("SELECT sensor, step_us, samples FROM windows ORDER BY 1").fetchall()
        )
        components = connection.execute(
            "SELECT component, health, level, severity, ne107, abstained FROM component_diagnoses ORDER BY 1 LIMIT 4"
        ).fetchall()
    assert {row[0] for row in rows} == set(SENSORS)
    sent = np.frombuffer(batch.windows[0].channels[0].values, "<f4")
    assert all(row[1] == 1_000_000 and np.array_equal(row[2], sent, equal_nan=True) for row in rows)
    assert components[0] == ("pump", pytest.approx(0.6), "1", "moderate", "maintenance_required", False)
    assert components[-1] == ("valve", None, None, None, "check_function", True)


def test_the_same_batch_twice_is_one_set_of_rows(centre: Centre, box: Enrolment, postgres_url: str) -> None:
    batch = make_batch("rig", 0)

    answers = [send(centre.url, box.credential, batch).json()["duplicate"] for _ in range(3)]

    assert answers == [False, True, True]
    assert counts(postgres_url) == ONE_BATCH


def test_rows_that_come_again_in_another_batch_are_not_doubled(
    centre: Centre, box: Enrolment, postgres_url: str
) -> None:
    send(centre.url, box.credential, make_batch("rig", 0))

    answer = send(centre.url, box.credential, make_batch("rig", 0, boot="boot-2"))

    assert answer.json()["duplicate"] is False
    assert counts(postgres_url) == ONE_BATCH | {"receipts": 2}


def test_the_same_batch_at_two_servers_at_once(
    centre: Centre, box: Enrolment, postgres_url: str, tmp_path: Path
) -> None:
    second = Centre(postgres_url, tmp_path / "second.log")
    bodies = [encode_batch(make_batch("rig", number)) for number in range(AT_ONCE)]
    try:
        with ThreadPoolExecutor(8) as pool:
            jobs = [
                pool.submit(send, url, box.credential, body)
                for body in bodies
                for url in (centre.url, second.url, centre.url, second.url)
            ]
            answers = [job.result() for job in jobs]
    finally:
        second.stop()

    assert [answer.status_code for answer in answers] == [200] * 4 * AT_ONCE
    assert sum(not answer.json()["duplicate"] for answer in answers) == AT_ONCE
    assert counts(postgres_url) == {name: AT_ONCE * count for name, count in ONE_BATCH.items()}


def test_the_same_rows_in_two_batches_at_once_wait_for_each_other_and_never_in_a_circle(
    centre: Centre, box: Enrolment, postgres_url: str
) -> None:
    """Neither is the other's duplicate, and each holds the rows in another order."""
    batches = [make_batch("rig", number, windows=20) for number in range(AT_ONCE)]
    anew = [
        msgspec.structs.replace(batch, boot="boot-2", windows=batch.windows[::-1], diagnoses=batch.diagnoses[::-1])
        for batch in batches
    ]

    with ThreadPoolExecutor(4) as pool:
        pairs = zip(batches, anew, strict=True)
        jobs = [pool.submit(send, centre.url, box.credential, batch) for pair in pairs for batch in pair]
        answers = [job.result() for job in jobs]

    assert [answer.status_code for answer in answers] == [200] * 2 * AT_ONCE
    assert not any(answer.json()["duplicate"] for answer in answers)
    found = counts(postgres_url)
    assert found["windows"] == AT_ONCE * 20 * len(SENSORS)
    assert (found["receipts"], found["diagnoses"]) == (2 * AT_ONCE, AT_ONCE * 20)


def test_an_empty_channel_and_an_empty_batch_are_taken(centre: Centre, box: Enrolment, postgres_url: str) -> None:
    silent = msgspec.structs.replace(window("rig", 0).channels[0], values=b"")
    record = msgspec.structs.replace(window("rig", 0), channels=(silent,))

    assert send(centre.url, box.credential, Batch("b", 0, windows=(record,))).status_code == 200
    assert send(centre.url, box.credential, Batch("b", 1)).status_code == 200
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT cardinality(samples), start_time FROM windows").fetchone() == (0, time_of(0))


def test_another_machines_data_is_refused(centre: Centre, box: Enrolment, postgres_url: str) -> None:
    mixed = Batch("b", 0, windows=(window("rig", 0),), diagnoses=(diagnosis("press", 0),))

    answer = send(centre.url, box.credential, mixed)

    assert answer.status_code == 403
    assert "'press'" in answer.json()["detail"]
    assert counts(postgres_url)["windows"] == 0


@pytest.mark.parametrize("credential", ["nonsense", "hsa_0_0", "hse_123_456"])
def test_a_wrong_credential_is_refused(centre: Centre, credential: str) -> None:
    answer = send(centre.url, credential, make_batch("rig", 0))

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["hint"]


def test_a_right_id_with_a_wrong_secret_is_refused(centre: Centre, box: Enrolment) -> None:
    assert send(centre.url, box.credential[:-1] + "~", make_batch("rig", 0)).status_code == 401


def test_a_revoked_credential_is_refused(centre: Centre, box: Enrolment) -> None:
    assert centre.run("agent", "revoke", box.agent).returncode == 0

    answer = send(centre.url, box.credential, make_batch("rig", 0))

    assert answer.status_code == 401
    assert "revoked" in answer.json()["detail"]
    assert "hydrosight-cloud enroll rig" in answer.json()["hint"]


def test_a_body_over_the_limit_is_refused_while_it_arrives(centre: Centre, box: Enrolment) -> None:
    headers = {"Authorization": f"Bearer {box.credential}", "Content-Type": CONTENT_TYPE}

    def endless():
        for _ in range(MAX_COMPRESSED_BYTES // 2**16 + 2):
            yield b"\0" * 2**16

    answer = httpx.post(f"{centre.url}/api/v1/ingest", content=endless(), headers=headers)

    assert answer.status_code == 413
    assert str(MAX_COMPRESSED_BYTES) in answer.json()["detail"]


def test_a_declared_length_over_the_limit_is_refused(centre: Centre, box: Enrolment) -> None:
    assert send(centre.url, box.credential, b"\0" * (MAX_COMPRESSED_BYTES + 1)).status_code == 413


def test_a_zip_bomb_is_refused(centre: Centre, box: Enrolment) -> None:
    bomb = zstandard.ZstdCompressor().compress(b"\0" * (ANY_RATIO_BYTES + 1))
    assert len(bomb) < 10_000

    answer = send(centre.url, box.credential, bomb)

    assert answer.status_code == 413
    assert str(ANY_RATIO_BYTES) in answer.json()["detail"]


def test_a_zip_bomb_without_a_declared_size_is_refused(centre: Centre, box: Enrolment) -> None:
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    bomb = compressor.compress(b"\0" * (MAX_BATCH_BYTES + 1)) + compressor.flush()

    assert send(centre.url, box.credential, bomb).status_code == 413


def _truncated() -> bytes:
    return encode_batch(make_batch("rig", 0))[:-20]


def _compressed(content: object) -> bytes:
    return zstandard.compress(msgspec.msgpack.encode(content))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"not zstd", 400, id="not zstd"),
        pytest.param(b"", 400, id="empty"),
        pytest.param(_truncated(), 400, id="truncated zstd"),
        pytest.param(zstandard.compress(b"\xc1\xff"), 400, id="not msgpack"),
        pytest.param(_compressed({"boot": 1}), 400, id="not a batch"),
        pytest.param(_compressed({"boot": "", "number": 0}), 422, id="no boot"),
        pytest.param(_compressed({"boot": "b", "number": 2**63}), 422, id="number over int64"),
        pytest.param(_compressed({"boot": "b\0", "number": 1}), 422, id="NUL in a name"),
        pytest.param(_compressed({"boot": "b", "number": 1, "schema_version": 2}), 409, id="newer schema"),
    ],
)
def test_a_body_that_is_wrong_is_refused_with_a_remedy(
    centre: Centre, box: Enrolment, body: bytes, status: int
) -> None:
    answer = send(centre.url, box.credential, body)

    assert answer.status_code == status
    problem = answer.json()
    assert problem["type"].startswith("urn:hydrosight:problem:")
    assert problem["detail"]
    assert problem["hint"]
    assert "Traceback" not in answer.text


def test_text_that_postgres_cannot_hold_is_refused_not_retried(
    centre: Centre, box: Enrolment, postgres_url: str
) -> None:
    record = diagnosis("rig", 0)
    poisoned = msgspec.structs.replace(record, document=record.document.replace(b"sensor silent", b"sensor\\u0000"))

    answer = send(centre.url, box.credential, Batch("b", 0, diagnoses=(poisoned,)))

    assert answer.status_code == 422
    assert counts(postgres_url)["receipts"] == 0


def test_metrics_count_what_was_taken_in(centre: Centre, box: Enrolment) -> None:
    send(centre.url, box.credential, make_batch("rig", 0))
    send(centre.url, box.credential, make_batch("rig", 0))
    send(centre.url, box.credential, b"junk")

    metrics = httpx.get(f"{centre.url}/metrics").text

    assert 'hydrosight_centre_batches_total{result="committed"} 1.0' in metrics
    assert 'hydrosight_centre_batches_total{result="duplicate"} 1.0' in metrics
    assert 'hydrosight_centre_batches_total{result="refused"} 1.0' in metrics
    assert "hydrosight_centre_samples_total 360.0" in metrics
    assert "hydrosight_centre_database_up 1.0" in metrics


def test_no_secret_is_logged(centre: Centre) -> None:
    token = centre.token("rig")
    send(centre.url, "hsa_aaaaaaaaaaaa_verysecretsecret", make_batch("rig", 0))
    httpx.post(f"{centre.url}/api/v1/enrol", json={"token": token, "machine": "other", "agent_version": "1"})

    assert "enrolment refused" in centre.log
    assert token.split("_", 2)[2] not in centre.log  # the secret itself may hold underscores
    assert "verysecretsecret" not in centre.log
