import pytest

from agent.store import outbox
from agent.store.losses import DAY_US, Cause
from agent.store.outbox import FRESH_WINDOWS
from agent.store.records import RecordClass
from agent.store.store import Store
from agent.store.traffic import Traffic
from cloud_sync.edge.lane import WITHOUT_BACKLOG, WITHOUT_WINDOWS, Lane
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


def drain(store, lanes=tuple(Lane)):
    """Everything the centre would get of these lanes, in order, acknowledging each batch."""
    batches = []
    while batch := store.next_batch(lanes):
        batches.append(batch.opened())
        store.acknowledge(batch.boot, batch.number, len(batch.body))
    return batches


def minutes(records):
    return [item.start_us // MINUTE_US for item in records]


def sent(batches):
    """Class and minute of everything, in order."""
    return [
        (kind, item.start_us // MINUTE_US if kind != "alert" else item.time_us // MINUTE_US)
        for batch in batches
        for kind, items in (("alert", batch.alerts), ("diagnosis", batch.diagnoses), ("window", batch.windows))
        for item in items
    ]


def test_what_was_recorded_is_what_is_sent(store):
    store.record(window(3), diagnosis(3), [alert("a", 4)])
    alerts, diagnoses, windows = drain(store)
    assert [(batch.boot, batch.number) for batch in (alerts, diagnoses, windows)] == [("boot-1", n) for n in (1, 2, 3)]
    (item,) = windows.windows
    assert (item.machine, item.start_us, item.end_us) == ("press", 3 * MINUTE_US, 4 * MINUTE_US)
    assert item.channels[0].values == window(3).channels[0].values.tobytes()
    (item,) = diagnoses.diagnoses
    assert item.start_us == 3 * MINUTE_US
    assert Diagnosis.model_validate_json(item.document) == diagnosis(3)
    (item,) = alerts.alerts
    assert (item.id, item.state, item.time_us) == ("a", "raised", 4 * MINUTE_US)
    assert Alert.model_validate_json(item.document) == alert("a", 4)


def test_a_batch_stays_the_same_until_acknowledged_also_over_a_restart(path):
    windows = (Lane.FRESH,)
    with Store.open(path, "boot-1") as store:
        store.record(window(0), diagnosis(0), [])
        first = store.next_batch(windows)
        store.record(window(1), diagnosis(1), [alert("a", 1)])
        assert store.next_batch(windows) == first
    with Store.open(path, "boot-2") as store:
        assert store.next_batch(windows) == first
        store.acknowledge(first.boot, first.number)
        second = store.next_batch(windows)
        assert (second.boot, second.number) == ("boot-2", 1)
        assert minutes(second.opened().windows) == [1]


def test_batch_numbers_are_never_given_out_again(path):
    numbers = []
    for minute in range(3):
        with Store.open(path, "boot-1") as store:
            store.record(window(minute), diagnosis(minute), [])
            numbers += [batch.number for batch in drain(store)]
    assert numbers == [1, 2, 3, 4, 5, 6]


def test_every_record_is_sent_exactly_once_when_all_goes_well(store):
    for minute in range(150):
        store.record(window(minute), diagnosis(minute), [alert(f"a{minute}", minute)] if minute % 10 == 0 else [])
    everything = sent(drain(store))
    assert sorted(minute for kind, minute in everything if kind == "window") == list(range(150))
    assert sorted(minute for kind, minute in everything if kind == "diagnosis") == list(range(150))
    assert [minute for kind, minute in everything if kind == "alert"] == list(range(0, 150, 10))
    assert len(everything) == 315
    assert store.statistics().outbox_pending == 0
    assert len(store.windows(1000)) == 150  # they stay on the box


def test_after_an_outage_alerts_go_first_then_the_newest_diagnoses_then_fresh_windows_then_the_backlog(store):
    for minute in range(20):
        store.record(window(minute), diagnosis(minute), [alert(f"a{minute}", minute)] if minute < 2 else [])
    batches = []
    while batch := store.next_batch(max_bytes=1):
        batches.append((batch.lane, batch.opened()))
        store.acknowledge(batch.boot, batch.number)
    assert [lane for lane, _ in batches] == sorted((lane for lane, _ in batches), key=list(Lane).index)
    order = sent(batch for _, batch in batches)
    oldest_fresh = 20 - FRESH_WINDOWS
    assert order == [
        *(("alert", minute) for minute in (0, 1)),
        *(("diagnosis", minute) for minute in reversed(range(20))),
        *(("window", minute) for minute in range(oldest_fresh, 20)),
        *(("window", minute) for minute in range(oldest_fresh)),
    ]
    assert {lane for lane, batch in batches if batch.backlog} == {Lane.BACKLOG}


def test_while_the_backlog_is_on_its_way_what_is_new_overtakes_it(store):
    for minute in range(20):
        store.record(window(minute), diagnosis(minute), [])
    drain(store, WITHOUT_BACKLOG)
    backlog = store.next_batch()
    assert backlog.lane is Lane.BACKLOG
    store.record(window(20), diagnosis(20), [alert("a", 20)])
    assert sent(drain(store, WITHOUT_BACKLOG)) == [("alert", 20), ("diagnosis", 20), ("window", 20)]
    assert store.next_batch() == backlog, "sealed stays sealed"


def test_backlog_never_becomes_fresh_again(store):
    for minute in range(20):
        store.record(window(minute), diagnosis(minute), [])
    drain(store, WITHOUT_BACKLOG)
    assert minutes(store.next_batch().opened().windows) == list(range(20 - FRESH_WINDOWS))


def test_lanes_that_are_shut_keep_what_they_have(store):
    store.record(window(0), diagnosis(0), [])
    assert sent(drain(store, WITHOUT_WINDOWS)) == [("diagnosis", 0)]
    assert store.next_batch(WITHOUT_WINDOWS) is None
    assert {lane: content.records for lane, content in store.lanes().items()} == {
        Lane.ALERT: 0,
        Lane.DIAGNOSIS: 0,
        Lane.FRESH: 1,
        Lane.BACKLOG: 0,
    }
    assert store.lanes()[Lane.FRESH].oldest_us == 0


def test_batches_are_bounded_in_bytes_but_a_single_large_record_still_goes(store):
    for minute in range(3):
        store.record(window(minute, samples=6000), diagnosis(minute), [])
    numbers = []
    while batch := store.next_batch((Lane.FRESH,), max_bytes=2000):
        numbers.append(batch.records)
        store.acknowledge(batch.boot, batch.number)
    assert numbers == [1, 1, 1]


def test_batches_are_bounded_in_records(store, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_RECORDS", 4)
    for minute in range(10):
        store.record(window(minute), diagnosis(minute), [])
    assert [len(batch.diagnoses) for batch in drain(store, (Lane.DIAGNOSIS,))] == [4, 4, 2]


def test_acknowledging_an_unknown_batch_is_harmless(store):
    store.record(window(0), diagnosis(0), [])
    batch = store.next_batch()
    store.acknowledge("boot-9", batch.number)
    store.acknowledge(batch.boot, batch.number + 1)
    assert store.next_batch() == batch
    store.acknowledge(batch.boot, batch.number)
    store.acknowledge(batch.boot, batch.number)
    assert store.next_batch().lane is Lane.FRESH


def refuse_and_drain(store, poison):
    """The centre takes no batch with one of these minutes; what it took instead."""
    taken = []
    while batch := store.next_batch((Lane.FRESH, Lane.BACKLOG)):
        if set(minutes(batch.opened().windows)) & poison:
            store.refuse(batch.boot, batch.number, "422 no good")
        else:
            taken += minutes(batch.opened().windows)
            store.acknowledge(batch.boot, batch.number)
    return taken


@pytest.mark.parametrize("poison", [{0}, {7}, {39}, {3, 4, 30}, set(range(40))])
def test_of_a_refused_batch_the_poison_alone_is_set_aside(store, poison):
    for minute in range(40):
        store.record(window(minute), diagnosis(minute), [])
    taken = refuse_and_drain(store, poison)
    assert sorted(taken) == sorted(set(range(40)) - poison)
    letters = store.dead_letters()
    assert {letter.time_us // MINUTE_US for letter in letters} == poison
    assert {(letter.record_class, letter.reason) for letter in letters} == {(RecordClass.WINDOW, "422 no good")}
    assert len(store.windows(100)) == 40
    assert store.statistics().pending[RecordClass.WINDOW] == 0, "what was refused doesn't wait"
    assert store.losses() == []


def test_a_dead_letter_is_kept_over_a_restart_and_sent_again_when_asked(path):
    with Store.open(path, "boot-1") as store:
        store.record(window(0), diagnosis(0), [])
        refuse_and_drain(store, {0})
    with Store.open(path, "boot-2") as store:
        (letter,) = store.dead_letters()
        store.retry_dead_letter(letter.id)
        store.retry_dead_letter(letter.id)
        assert store.dead_letters() == []
        assert refuse_and_drain(store, set()) == [0]


def test_a_dead_letter_that_is_dropped_is_in_the_ledger_once(store):
    store.record(window(0), diagnosis(0), [])
    refuse_and_drain(store, {0})
    (letter,) = store.dead_letters()
    store.drop_dead_letter(letter.id)
    store.drop_dead_letter(letter.id)
    assert refuse_and_drain(store, set()) == []
    (loss,) = store.losses()
    assert (loss.record_class, loss.cause, loss.records, loss.unsent) == (RecordClass.WINDOW, Cause.REFUSED, 1, 1)
    assert loss.detail == "422 no good"
    assert len(store.windows(1)) == 1


def test_a_damaged_record_is_left_out_of_its_batch_and_counted(store):
    for minute in range(2):
        store.record(window(minute), diagnosis(minute), [])
    store._connection.execute("UPDATE record SET payload = x'00' WHERE record_class = 'window' AND time_us = 0")
    batch = store.next_batch((Lane.FRESH,))
    assert minutes(batch.opened().windows) == [1]
    assert store.next_batch((Lane.FRESH,)) == batch
    assert store.statistics().damaged == 1
    store.acknowledge(batch.boot, batch.number)
    assert [(loss.record_class, loss.cause, loss.unsent) for loss in store.losses()] == [
        (RecordClass.WINDOW, Cause.DAMAGE, 1)
    ]


def test_a_batch_of_nothing_but_damage_does_not_hold_up_the_rest(store):
    store.record(window(0), diagnosis(0), [])
    store._connection.execute("UPDATE record SET payload = x'00' WHERE record_class = 'diagnosis'")
    assert sent(drain(store)) == [("window", 0)]
    assert [(loss.record_class, loss.cause) for loss in store.losses()] == [(RecordClass.DIAGNOSIS, Cause.DAMAGE)]


def test_what_was_sent_is_counted_by_lane_and_day(path):
    now_us = 5 * DAY_US
    with Store.open(path, "boot-1", now_us=lambda: now_us) as store:
        store.record(window(0), diagnosis(0), [])
        store.count_unanswered(Lane.DIAGNOSIS, 100)
        batch = store.next_batch()
        store.acknowledge(batch.boot, batch.number, 50)
        store.acknowledge(batch.boot, batch.number, 50)  # harmless, and counted once
        assert store.traffic_today()[Lane.DIAGNOSIS] == Traffic(batches=1, bytes=150)
        assert store.traffic_today()[Lane.FRESH] == Traffic()
        now_us += DAY_US
        assert store.traffic_today()[Lane.DIAGNOSIS] == Traffic()
