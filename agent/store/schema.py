"""The tables of the store, and the numbered migrations that make them.

`boot`       one row for each time the agent was started on this file. Readings are numbered within it, and so are
             batches: `batches` is the number last given out, which is never given out again. `stopped_us` is null for
             a run that was killed, and for the present one.
`reading_block`  one row for the readings of one append, or of many that were merged later. They took the `numbers`
             numbers from first_counter on within their boot; `runs` says which window each is for, see numbering.py.
             `payload`: see block.py.
`record`     one row for each window, diagnosis, alert, gap that is over and step of the clock: what the centre is to
             have. `key` makes it unique. `bytes` is the length of the packed payload, `raw_bytes` before packing. See
             records.py.
`publication`  records (alerts) that the MQTT broker hasn't acknowledged.
`batch`      sealed batches that the centre hasn't acknowledged, each of one lane.
`outbox`     records that the centre hasn't acknowledged, in a batch or (null) in none yet, with their lane. Where the
             lane is "set aside" the centre has refused the record, at `refused_us` and for `reason`. See outbox.py.
`traffic`    one row for each day and lane: what was sent to the centre.
`progress`   one row: where the next window starts.
`account`    what became of readings, by ranges of their numbers: see accounts.py.
`window_reading`  numbers of the readings in each window that is in the store.
`loss`       the ledger of loss: one row for what was lost of one kind, for one cause, on one day.
`wear`       a row for each day, its id the days since 1970: how long writing was measured, the bytes written to the
             disk, and the bytes of payload they were written for. See wear.py.
`gap`        the ledger of gaps: see gaps.py. `ended_us` is null while a gap lasts; `sensors` is a JSON array.
`clock_step` the ledger of the clock: one row for each start, step or change of trust. See clock_ledger.py.

Every table is read and salvaged by its integer `id`. Times are microseconds since 1970, UTC.
"""

import sqlite3
from collections.abc import Callable

from agent.store.connection import transaction
from agent.store.tables import Database, Table
from edge_runtime.errors import StoreDamagedError, StoreError

_MARK = 0x4859 << 16
"""`application_id` is this plus the schema's number. It repeats `user_version`, so that damage to either is found."""

TABLES = (
    *("boot", "progress", "loss", "gap", "clock_step", "account", "record", "window_reading", "publication"),
    *("outbox", "batch", "traffic", "wear", "reading_block"),
)
"""In the order of their worth, which is the order of salvage."""


def _tables(database: Database) -> None:
    """The first schema."""

    def create(name: str, columns: dict[str, type], *, nullable: frozenset[str] = frozenset()) -> Table:
        return database.create_table(
            name, {"id": int, **columns}, pk="id", not_null=columns.keys() - nullable, strict=True
        )

    create("boot", {"name": str, "opened_us": int, "batches": int}).create_index(["name"], unique=True)
    blocks = create(
        "reading_block",
        {
            "boot_id": int,
            "first_counter": int,
            "readings": int,
            "first_time_us": int,
            "last_time_us": int,
            "stored_us": int,
            "bytes": int,
            "payload": bytes,
        },
    )
    # Covers all that statistics ask for, so that they never touch the payloads.
    blocks.create_index(["last_time_us", "first_time_us", "readings", "bytes", "stored_us"])
    records = create(
        "record",
        {
            "record_class": str,
            "machine": str,
            "key": str,
            "time_us": int,
            "stored_us": int,
            "bytes": int,
            "raw_bytes": int,
            "payload": bytes,
        },
    )
    records.create_index(["record_class", "machine", "key"], unique=True)
    records.create_index(["record_class", "time_us", "stored_us", "bytes"])
    create("publication", {"record_id": int}).create_index(["record_id"], unique=True)
    create("batch", {"boot_id": int, "number": int}).create_index(["boot_id", "number"], unique=True)
    outbox = create(
        "outbox",
        {"record_class": str, "record_id": int, "raw_bytes": int, "batch_id": int},
        nullable=frozenset({"batch_id"}),
    )
    outbox.create_index(["record_id"], unique=True)
    outbox.create_index(["batch_id", "record_class"])
    create("progress", {"next_window_start_us": int})
    losses = create(
        "loss",
        {
            "record_class": str,
            "cause": str,
            "day": int,
            "records": int,
            "unsent": int,
            "bytes": int,
            "first_us": int,
            "last_us": int,
            "noted_us": int,
            "detail": str,
        },
    )
    losses.create_index(["record_class", "cause", "day"], unique=True)


def _accounts(database: Database) -> None:
    """Every reading is accounted for by its number. What an earlier version has stored is set apart as a whole."""
    blocks = database.table("reading_block")
    blocks.add_column("numbers", int, not_null_default=0)
    blocks.add_column("runs", bytes, not_null_default=b"")
    database.execute("UPDATE reading_block SET numbers = readings")
    described = ["last_time_us", "first_time_us", "readings", "bytes", "stored_us"]
    database.execute(f"DROP INDEX idx_reading_block_{'_'.join(described)}")
    # With the numbers in it, what is in blocks is told without walking through their payloads.
    blocks.create_index([*described, "boot_id", "first_counter", "numbers"], index_name="reading_block_described")
    account = {"id": int, "boot_id": int, "fate": str, "first": int, "last": int}
    database.create_table("account", account, pk="id", not_null=account.keys(), strict=True).create_index(
        ["boot_id", "fate", "last"]
    )
    database.execute(
        "INSERT INTO account (boot_id, fate, first, last) SELECT boot_id, 'not counted', 0, "
        "max(first_counter + numbers) - 1 FROM reading_block GROUP BY boot_id"
    )
    in_windows = {"id": int, "record_id": int, "boot_id": int, "first": int, "last": int}
    database.create_table("window_reading", in_windows, pk="id", not_null=in_windows.keys(), strict=True).create_index(
        ["record_id"]
    )


def _wear(database: Database) -> None:
    """What writing costs the flash."""
    columns = {"id": int, "measured_us": int, "written_bytes": int, "payload_bytes": int}
    database.create_table("wear", columns, pk="id", not_null=columns.keys() - {"id"}, strict=True)


def _lanes(database: Database) -> None:
    """Lanes and dead letters. Batches of several lanes are sealed anew; the centre ignores what it has."""
    connection = database.conn
    connection.execute("UPDATE outbox SET batch_id = NULL")
    connection.execute("DELETE FROM batch")
    connection.execute("ALTER TABLE batch ADD COLUMN lane TEXT NOT NULL DEFAULT 'backlog'")
    connection.execute("ALTER TABLE outbox ADD COLUMN lane TEXT NOT NULL DEFAULT 'backlog'")
    connection.execute("ALTER TABLE outbox ADD COLUMN reason TEXT")
    connection.execute("ALTER TABLE outbox ADD COLUMN refused_us INTEGER")
    connection.execute("UPDATE outbox SET lane = record_class WHERE record_class <> 'window'")
    connection.execute("DROP INDEX idx_outbox_batch_id_record_class")
    connection.execute("CREATE INDEX idx_outbox_batch_id_lane ON outbox (batch_id, lane)")
    database.create_table(
        "traffic",
        {"id": int, "day": int, "lane": str, "batches": int, "bytes": int},
        pk="id",
        not_null={"day", "lane", "batches", "bytes"},
        strict=True,
    ).create_index(["day", "lane"], unique=True)


def _clock_ledger(database: Database) -> None:
    """The clock's starts and steps."""
    columns = {
        "boot_id": int,
        "counter": int,
        "kernel": str,
        "monotonic_us": int,
        "wall_us": int,
        "before_us": int,
        "after_us": int,
        "state_before": str,
        "state_after": str,
        "from_boot_id": int,
        "from_counter": int,
        "restamped": int,
    }
    database.create_table(
        "clock_step",
        {"id": int, **columns, "left_boot_id": int, "left_counter": int},
        pk="id",
        not_null=columns.keys(),
        strict=True,
    )


def _gaps(database: Database) -> None:
    """Gaps, and whether a run of the agent ended in order."""
    columns = {"id": int, "boot_id": int, "cause": str, "source": str, "sensors": str, "began_us": int}
    database.create_table(
        "gap",
        {**columns, "ended_us": int, "lost": int, "detail": str},
        pk="id",
        not_null={*columns, "lost", "detail"} - {"id"},
        strict=True,
    )
    database.table("boot").add_column("stopped_us", int)


MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    _tables,
    _accounts,
    _wear,
    _lanes,
    _clock_ledger,
    _gaps,
)
"""Number n takes a file from schema n to n + 1. Append only: files made by every released version are out there."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest schema, one transaction a step.

    Raises:
        StoreError: a newer agent made the file.
        StoreDamagedError: its two version numbers contradict each other.
    """
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the store has schema {version}, this agent knows up to {len(MIGRATIONS)}",
            hint="Install the newer agent again, or move the store away to begin a new one.",
        )
    database = Database(connection, recursive_triggers=False)
    for number in range(version, len(MIGRATIONS)):
        with transaction(connection):
            MIGRATIONS[number](database)
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute(f"PRAGMA application_id = {_MARK + number + 1}")


def check(connection: sqlite3.Connection) -> None:
    """See whether the file is sound: its structure, its indexes and its schema.

    Raises:
        StoreDamagedError: it isn't.
    """
    findings = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
    if findings != ["ok"]:
        raise StoreDamagedError(f"integrity check: {findings[0]}")
    model = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(model)
        if missing := _objects(model) - _objects(connection):
            raise StoreDamagedError(f"schema: {min(missing)[0]} isn't as this version makes it")
    finally:
        model.close()


def _version(connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    mark = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if mark != (_MARK + version if version else 0):
        raise StoreDamagedError(f"schema number {version} and mark {mark:#x} contradict each other")
    return version


def _objects(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """Every column of every table and index, by name: how it is written in SQL is the library's affair."""
    return set(
        connection.execute(
            "SELECT tables.name, columns.name, columns.type FROM sqlite_master AS tables, "
            "pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' "
            "UNION SELECT indexes.name, columns.name, columns.seqno FROM sqlite_master AS indexes, "
            "pragma_index_info(indexes.name) AS columns WHERE indexes.type = 'index'"
        )
    )
