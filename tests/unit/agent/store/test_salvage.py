import shutil
import sqlite3
from contextlib import closing

import pytest

from agent.store import salvage, salvaged_rows
from agent.store.file_format import PAGE_BYTES as PAGE
from agent.store.gaps import Gap, GapCause
from agent.store.losses import Cause
from agent.store.records import RecordClass
from agent.store.store import Store
from cloud_sync.edge.lane import Lane
from tests.stored import MINUTE_US, alert, diagnosis, readings, window


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    path = tmp_path_factory.mktemp("intact") / "store.db"
    with Store.open(path, "boot-1") as store:
        for second in range(300):
            store.append(readings(second, rate_hz=50))
        for minute in range(10):
            store.record(window(minute, samples=600), diagnosis(minute), [alert(f"a{minute}", minute)])
        batch = store.next_batch()
        assert batch.number == 1
    return path


@pytest.fixture
def path(intact, tmp_path):
    shutil.copy(intact, tmp_path)
    return tmp_path / "store.db"


def pages_of(path, table):
    """Numbers of a table's leaf pages, first to last."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return list(leaves(path.read_bytes(), root))


def leaves(content, page):
    start = (page - 1) * PAGE
    if content[start] == 0x0D:
        yield page
        return
    cells = int.from_bytes(content[start + 3 : start + 5], "big")
    pointers = [int.from_bytes(content[start + 12 + 2 * cell : start + 14 + 2 * cell], "big") for cell in range(cells)]
    for at in (*pointers, 8):
        yield from leaves(content, int.from_bytes(content[start + at : start + at + 4], "big"))


def overwrite(path, page, content=b"\xff" * PAGE):
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(content)


def sent(store):
    """Every batch, in order."""
    while batch := store.next_batch():
        yield batch.opened()
        store.acknowledge(batch.boot, batch.number)


def test_a_sound_file_is_left_as_it_is(path):
    with Store.open(path, "boot-2") as store:
        assert store.salvage is None
        assert store.boot == "boot-2"
    assert not list(path.parent.glob("*damaged*"))


@pytest.mark.parametrize("position", [0, 3, -1])
def test_a_lost_page_of_readings_costs_only_what_was_on_it(path, position):
    leaves = pages_of(path, "reading_block")
    assert len(leaves) > 10
    overwrite(path, leaves[position])
    with Store.open(path, "boot-2") as store:
        found = store.salvage
        series = store.series(0, 300 * 1_000_000)
        statistics = store.statistics()
        assert len(store.windows(100)) == 10
        assert store.next_window_start() == 10 * MINUTE_US
    assert 300 * 150 * 0.85 < found.readings < 300 * 150
    assert found.readings == statistics.readings == sum(len(item) for item in series.values())
    assert found.records == 30
    assert found.lost_records == 0
    assert found.lost_readings > 0
    assert found.set_aside.exists()
    assert {(loss.record_class, loss.cause) for loss in statistics.losses} == {(RecordClass.READING, Cause.DAMAGE)}
    if position == 3:
        assert found.readings + found.lost_readings == 300 * 150


def test_salvage_happens_once(path):
    overwrite(path, pages_of(path, "reading_block")[2])
    with Store.open(path, "boot-2") as store:
        assert store.salvage is not None
    with Store.open(path, "boot-3") as store:
        assert store.salvage is None
        assert len(store.losses()) == 1


def test_what_waited_for_the_centre_still_waits_under_a_number_never_used(path):
    overwrite(path, pages_of(path, "reading_block")[2])
    with Store.open(path, "boot-1") as store:
        batch = store.next_batch()
        assert batch.boot != "boot-1"
        assert {content.records for content in store.lanes().values()} == {10, 8, 2}
        assert len(store.unpublished_alerts()) == 10


def test_when_the_outbox_is_lost_everything_is_sent_again(path):
    with Store.open(path, "boot-1", machine="press") as store:
        batch = store.next_batch()
        store.acknowledge(batch.boot, batch.number)
        store.record(window(10), diagnosis(10), [])
        store.note_gaps([Gap(1, GapCause.KILLED, "", (), 0, 1_000_000)])
    overwrite(path, pages_of(path, "outbox")[0])
    with Store.open(path, "boot-2") as store:
        assert store.statistics().pending == store.statistics().records
        assert store.lanes()[Lane.BACKLOG].records == 11
        assert [gap.boot for batch in sent(store) for gap in batch.gaps] == ["boot-1"]


def test_when_the_cursor_is_lost_it_is_found_again_from_the_windows(path):
    overwrite(path, pages_of(path, "progress")[0])
    with Store.open(path, "boot-2") as store:
        assert store.salvage is not None
        assert store.next_window_start() == 10 * MINUTE_US


def test_when_the_boots_are_lost_their_readings_stay_theirs(path):
    (page,) = pages_of(path, "boot")
    overwrite(path, page)
    with Store.open(path, "boot-2") as store:
        store.append(readings(1000))
        before, now = store.accounts()
    assert (before.boot, before.read) == ("boot-1", 300 * 50 * 3)
    assert (now.boot, now.read) == (store.boot, len(readings(1000)))


def test_a_payload_that_was_changed_on_disk_is_found_when_the_file_is_salvaged(path):
    overwrite(path, pages_of(path, "boot")[0])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE record SET payload = zeroblob(50) WHERE record_class = 'window' AND time_us = 0")
        connection.execute("UPDATE reading_block SET payload = zeroblob(50) WHERE id = 7")
        connection.execute("UPDATE reading_block SET last_time_us = last_time_us + 1 WHERE id = 9")
    with Store.open(path, "boot-2") as store:
        assert store.salvage.lost_records == 1
        assert store.salvage.lost_readings == 300
        assert len(store.windows(100)) == 9


@pytest.mark.parametrize("content", [b"this was never a database" * 1000, b"\0" * 8192, b"SQLite format 3\0"])
def test_a_file_that_is_no_store_is_set_aside(path, content):
    path.write_bytes(content)
    with Store.open(path, "boot-2") as store:
        assert store.salvage.readings == 0
        store.append(readings(0))
        assert store.statistics().readings == 30
        assert store.salvage.set_aside.read_bytes() == content


def test_an_empty_file_is_a_new_store(path):
    path.write_bytes(b"")
    with Store.open(path, "boot-2") as store:
        assert store.salvage is None
        store.append(readings(0))


def test_salvage_that_was_cut_short_is_done_again(path, monkeypatch):
    overwrite(path, pages_of(path, "reading_block")[2])

    def cut(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(salvage, "settle", cut)
        with pytest.raises(KeyboardInterrupt):
            Store.open(path, "boot-2")
    with Store.open(path, "boot-3") as store:
        assert store.salvage.readings > 300 * 150 * 0.85
        assert store.salvage.records == 30


@pytest.mark.parametrize("renames", [0, 1])
def test_salvage_that_was_cut_short_between_its_renames_is_finished(path, renames, monkeypatch):
    overwrite(path, pages_of(path, "reading_block")[2])
    original = salvage.Path.replace
    done = []

    def replace(self, target):
        if not self.name.endswith(".partial"):
            if len(done) == renames:
                raise KeyboardInterrupt
            done.append(self)
        return original(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(salvage.Path, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            Store.open(path, "boot-2")
    with Store.open(path, "boot-3") as store:
        assert store.statistics().readings > 300 * 150 * 0.85
        assert len(store.windows(100)) == 10
        assert len(store.losses()) == 1


def test_the_log_of_the_damaged_file_is_not_taken_for_the_new_ones(path, tmp_path):
    path.rename(tmp_path / "store.db.salvaged")
    path.write_bytes(b"the damaged file")
    (tmp_path / "store.db-wal").write_bytes(b"its log")
    with Store.open(path, "boot-2") as store:
        assert store.statistics().readings == 300 * 150
    assert (tmp_path / "store.db.damaged").read_bytes() == b"the damaged file"
    assert (tmp_path / "store.db.damaged-wal").read_bytes() == b"its log"


def test_on_a_full_disk_the_newest_readings_are_brought_over(path, monkeypatch):
    overwrite(path, pages_of(path, "reading_block")[2])
    monkeypatch.setattr(salvaged_rows, "_MIN_FREE_BYTES", 2**62)
    monkeypatch.setattr(salvaged_rows, "_ROWS", 20)
    with Store.open(path, "boot-2") as store:
        assert store.newest_source_time() == 299_980_000
        assert 0 < store.salvage.readings < 100 * 150
        assert {loss.cause for loss in store.losses()} == {Cause.DAMAGE, Cause.DISK_FULL}
