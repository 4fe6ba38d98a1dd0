import sqlite3
from contextlib import closing

import msgspec
import pytest

from agent.store import schema
from agent.store.connection import connect
from agent.store.payload import pack
from agent.store.records import alert_record, window_record
from agent.store.schema import MIGRATIONS, TABLES, check, migrate
from agent.store.store import Store
from cloud_sync.edge.lane import Lane
from edge_runtime.errors import StoreDamagedError, StoreError
from tests.stored import alert, readings, window


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def connection(path):
    connection = connect(path)
    migrate(connection)
    yield connection
    connection.close()


def test_every_table_is_named_for_salvage_and_explained(connection):
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names == set(TABLES)
    for name in names:
        assert f"`{name}`" in schema.__doc__


def test_the_file_is_durable_and_gives_room_back(connection):
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_migrating_again_changes_nothing(connection):
    before = connection.execute("SELECT sql FROM sqlite_master").fetchall()
    migrate(connection)
    assert connection.execute("SELECT sql FROM sqlite_master").fetchall() == before
    check(connection)


def test_an_older_file_is_brought_up_to_date_and_keeps_its_content(path, monkeypatch):
    with Store.open(path, "boot-1") as store:
        store.append(readings(0))

    def notes(database):
        database.create_table("note", {"id": int, "text": str}, pk="id", strict=True)

    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, notes))
    with Store.open(path, "boot-1") as store:
        assert store.salvage is None
        assert store.statistics().readings_this_boot == 30
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (0,)


def test_batches_of_before_there_were_lanes_are_sealed_anew(path, monkeypatch):
    """The first schema, filled by hand: its records go out under new numbers; the centre ignores what it has."""
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", MIGRATIONS[:1])
        connection = connect(path)
        migrate(connection)
    payloads = [msgspec.msgpack.encode(item) for item in (window_record(window(0)), alert_record(alert("a", 0)))]
    with closing(connection):
        connection.execute("INSERT INTO boot (name, opened_us, batches) VALUES ('old', 0, 1)")
        connection.execute("INSERT INTO batch (boot_id, number) VALUES (1, 1)")
        for record_class, key, raw in zip(("window", "alert"), ("0", "a/raised"), payloads, strict=True):
            connection.execute(
                "INSERT INTO record (record_class, machine, key, time_us, stored_us, bytes, raw_bytes, payload) "
                "VALUES (?, 'press', ?, 0, 0, ?, ?, ?)",
                (record_class, key, len(raw), len(raw), pack(raw)),
            )
            connection.execute(
                "INSERT INTO outbox (record_class, record_id, raw_bytes, batch_id) "
                "VALUES (?, last_insert_rowid(), 1, 1)",
                (record_class,),
            )
    with Store.open(path, "boot-1") as store:
        assert store.salvage is None
        first, second = store.next_batch((Lane.ALERT,)), store.next_batch((Lane.BACKLOG,))
        assert [(batch.boot, batch.number) for batch in (first, second)] == [("boot-1", 1), ("boot-1", 2)]
        assert len(first.opened().alerts) == len(second.opened().windows) == 1


def test_a_migration_that_fails_leaves_the_file_as_it_was(connection, monkeypatch):
    def broken(database):
        database.create_table("note", {"id": int}, pk="id")
        raise sqlite3.OperationalError("no")

    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'note'").fetchall()


def test_a_file_of_a_newer_agent_is_left_alone(path, monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr(schema, "MIGRATIONS", (*MIGRATIONS, lambda database: None))
        Store.open(path, "boot-1").close()
    for opening in (lambda: Store.open(path, "boot-1"), lambda: Store.open_read_only(path)):
        with pytest.raises(StoreError, match=f"schema {len(MIGRATIONS) + 1}"):
            opening()
    assert not list(path.parent.glob("*damaged*"))


@pytest.mark.parametrize("pragma", ["user_version = 9", "application_id = 9", "user_version = 0"])
def test_version_numbers_that_contradict_each_other_are_damage(connection, pragma):
    connection.execute(f"PRAGMA {pragma}")
    with pytest.raises(StoreDamagedError, match="contradict"):
        migrate(connection)


@pytest.mark.parametrize(
    "change",
    ["DROP INDEX idx_outbox_record_id", "DROP TABLE loss", "ALTER TABLE boot RENAME COLUMN name TO nbme"],
)
def test_a_schema_that_is_not_ours_is_damage(connection, change):
    connection.execute(change)
    with pytest.raises(StoreDamagedError, match="schema"):
        check(connection)


def test_an_index_that_someone_added_is_no_damage(connection):
    connection.execute("CREATE INDEX mine ON record (stored_us)")
    check(connection)
