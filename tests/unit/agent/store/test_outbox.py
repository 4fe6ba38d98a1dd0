import pytest

from agent.store import outbox
from agent.store.losses import Cause
from agent.store.records import RecordClass
from agent.store.store import Store
from cloud_sync.wire import decode_batch, encode_batch
from edge_runtime.alert import Alert
from edge_runtime.diagnosis import Diagnosis
from tests.stored import MINUTE_US, alert, diagnosis, window


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def store(path):
    with Store.open(path, "boot-1") as store:
        yield store


def drain(store):
    """Everything the centre would get, in order, acknowledging each batch."""
    batches = []
    while batch := store.next_batch():
        batches.append(batch)
        store.acknowledge(batch.boot, batch.number)
    return batches


def test_a_batch_holds_what_was_recorded(store):
    store.record(window(3), diagnosis(3), [alert("a", 4)])
    batch = store.next_batch()
    assert (batch.boot, batch.number) == ("boot-1", 1)
    (sent,) = batch.windows
    assert (sent.machine, sent.start_us, sent.end_us) == ("press", 3 * MINUTE_US, 4 * MINUTE_US)
    assert sent.channels[0].values == window(3).channels[0].values.tobytes()
    (sent,) = batch.diagnoses
    assert sent.start_us == 3 * MINUTE_US
    assert Diagnosis.model_validate_json(sent.document) == diagnosis(3)
    (sent,) = batch.alerts
    assert (sent.id, sent.state, sent.time_us) == ("a", "raised", 4 * MINUTE_US)
    assert Alert.model_validate_json(sent.document) == alert("a", 4)
    assert decode_batch(encode_batch(batch)) == batch


def test_a_batch_stays_the_same_until_acknowledged_also_over_a_restart(path):
    with Store.open(path, "boot-1") as store:
        store.record(window(0), diagnosis(0), [])
        first = store.next_batch()
        store.record(window(1), diagnosis(1), [alert("a", 1)])
        assert store.next_batch() == first
    with Store.open(path, "boot-2") as store:
        assert store.next_batch() == first
        store.acknowledge(first.boot, first.number)
        second = store.next_batch()
        assert (second.boot, second.number) == ("boot-2", 1)
        assert [item.start_us for item in second.windows] == [MINUTE_US]


def test_batch_numbers_are_never_given_out_again(path):
    numbers = []
    for minute in range(3):
        with Store.open(path, "boot-1") as store:
            store.record(window(minute), diagnosis(minute), [])
            numbers += [batch.number for batch in drain(store)]
    assert numbers == [1, 2, 3]


def test_every_record_is_sent_exactly_once_when_all_goes_well(store):
    for minute in range(150):
        store.record(window(minute), diagnosis(minute), [alert(f"a{minute}", minute)] if minute % 10 == 0 else [])
    batches = drain(store)
    assert [item.start_us for batch in batches for item in batch.windows] == [n * MINUTE_US for n in range(150)]
    assert [item.start_us for batch in batches for item in batch.diagnoses] == [n * MINUTE_US for n in range(150)]
    assert [item.id for batch in batches for item in batch.alerts] == [f"a{n}" for n in range(0, 150, 10)]
    assert max(len(batch.windows) for batch in batches) == outbox.MAX_WINDOWS
    assert store.statistics().outbox_pending == 0
    assert len(store.windows(1000)) == 150  # they stay on the box


def test_alerts_and_diagnoses_go_before_windows(store, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_RAW_BYTES", 5000)
    for minute in range(12):
        store.record(window(minute, samples=600), diagnosis(minute), [alert(f"a{minute}", minute)])
    order = [
        kind
        for batch in drain(store)
        for kind, items in (("alert", batch.alerts), ("diagnosis", batch.diagnoses), ("window", batch.windows))
        for _ in items
    ]
    assert order == ["alert"] * 12 + ["diagnosis"] * 12 + ["window"] * 12


def test_batches_are_bounded_in_bytes_but_a_single_large_record_still_goes(store, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_RAW_BYTES", 2000)
    for minute in range(3):
        store.record(window(minute, samples=6000), diagnosis(minute), [])
    batches = drain(store)
    assert [len(batch.windows) for batch in batches if batch.windows] == [1, 1, 1]


def test_acknowledging_an_unknown_batch_is_harmless(store):
    store.record(window(0), diagnosis(0), [])
    batch = store.next_batch()
    store.acknowledge("boot-9", batch.number)
    store.acknowledge(batch.boot, batch.number + 1)
    assert store.next_batch() == batch
    store.acknowledge(batch.boot, batch.number)
    store.acknowledge(batch.boot, batch.number)
    assert store.next_batch() is None


def test_a_batch_that_the_centre_never_takes_is_set_aside_and_written_into_the_ledger(store):
    store.record(window(0), diagnosis(0), [])
    batch = store.next_batch()
    store.record(window(1), diagnosis(1), [])
    store.set_aside(batch.boot, batch.number, "413 too large")
    assert [item.start_us for item in store.next_batch().windows] == [MINUTE_US]
    assert len(store.windows(10)) == 2
    losses = {loss.record_class: loss for loss in store.losses()}
    assert set(losses) == {RecordClass.WINDOW, RecordClass.DIAGNOSIS}
    loss = losses[RecordClass.WINDOW]
    assert (loss.cause, loss.records, loss.unsent, loss.detail) == (Cause.REFUSED, 1, 1, "413 too large")


def test_a_damaged_record_is_left_out_of_its_batch_and_counted(store):
    for minute in range(2):
        store.record(window(minute), diagnosis(minute), [])
    store._connection.execute("UPDATE record SET payload = x'00' WHERE record_class = 'window' AND time_us = 0")
    batch = store.next_batch()
    assert [item.start_us for item in batch.windows] == [MINUTE_US]
    assert len(batch.diagnoses) == 2
    assert store.next_batch() == batch
    assert store.statistics().damaged == 1


def test_a_batch_of_nothing_but_damage_does_not_hold_up_the_rest(store, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_RAW_BYTES", 1)
    store.record(window(0), diagnosis(0), [])
    store._connection.execute("UPDATE record SET payload = x'00' WHERE record_class = 'diagnosis'")
    assert [len(batch.windows) for batch in drain(store)] == [1]
    assert [loss.record_class for loss in store.losses()] == [RecordClass.DIAGNOSIS]
