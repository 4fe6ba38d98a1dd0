"""What is done with a damaged file: all that can be read is brought into a new one, and the old one is set aside.

The new file is made beside the old one and takes its place only when it is whole, so that salvage can be cut short
at any point and is then done again or finished at the next start.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.store.accounts import AccountTable, Fate
from agent.store.block import decode_block
from agent.store.connection import connect, is_damage, transaction
from agent.store.file_format import log_is_damaged, mend_header, mend_log
from agent.store.losses import Cause, Loss, LossLedger
from agent.store.lost_boots import restore_boots
from agent.store.outbox import Outbox
from agent.store.readings import ReadingTable
from agent.store.records import RecordClass, RecordTable, decode_record, place
from agent.store.retention import READINGS, Shedder
from agent.store.schema import TABLES, check, migrate
from edge_runtime.errors import StoreDamagedError
from edge_runtime.number_ranges import NumberRanges

_ROWS = 64
_MAX_FAILURES = 20_000
"""Failed queries after which the rest of a table is given up; a query that fails takes microseconds."""
_ID_LIMIT = 2**40
_MIN_FREE_BYTES = 16 * 2**20
"""With less room on the disk, the oldest readings brought over make way for newer ones."""
_UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Salvage:
    """What was done about a damaged file.

    Attributes:
        set_aside: where the damaged file is now. Only the latest one is kept.
        finding: what was wrong with it.
        readings: readings brought over.
        records: windows, diagnoses and alerts brought over.
        lost_readings: gaps in the readings' numbers; what is missing after the last number can't be known.
        lost_records: windows, diagnoses and alerts that were there and couldn't be read.
    """

    set_aside: Path
    finding: str
    readings: int
    records: int
    lost_readings: int
    lost_records: int


def open_sound(path: Path, now_us: int) -> tuple[sqlite3.Connection, Salvage | None]:
    """Open the file for writing, with the newest schema and checked; salvage it first if it is damaged.

    Raises:
        StoreError: a newer agent made it.
        sqlite3.Error, OSError: it can't be got at.
    """
    _finish(path)
    try:
        return _checked(path), None
    except StoreDamagedError as error:
        finding = str(error)
    salvage = _rescue(path, finding, now_us)
    _finish(path)
    return _checked(path), salvage


def _checked(path: Path) -> sqlite3.Connection:
    if log_is_damaged(_beside(path, "-wal")):
        raise StoreDamagedError("the write-ahead log is damaged before its end")
    connection = None
    try:
        connection = connect(path)
        migrate(connection)
        check(connection)
    except BaseException as error:
        if connection:
            connection.close()
        if _says_damage(path, error):
            raise StoreDamagedError(str(error)) from error
        raise
    return connection


def _says_damage(path: Path, error: BaseException) -> bool:
    """Whether the file's content is to blame."""
    if isinstance(error, UnicodeDecodeError):  # the schema's text, which SQLite quotes in its message
        return True
    if not isinstance(error, sqlite3.Error):
        return False
    # A header may say that the file is read-only. When the file system doesn't, it is the header that is wrong.
    forbidden = (getattr(error, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_READONLY
    return is_damage(error) or (forbidden and os.access(path, os.W_OK))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _finish(path: Path) -> None:
    """Put a finished salvage in the place of the damaged file, whose log must not be taken for the new file's."""
    salvaged = _beside(path, ".salvaged")
    if not salvaged.exists():
        return
    damaged = _beside(path, ".damaged")
    for suffix in ("-wal", ""):
        if _beside(path, suffix).exists():
            _beside(path, suffix).replace(_beside(damaged, suffix))
    _beside(path, "-shm").unlink(missing_ok=True)
    salvaged.replace(path)
    _sync(path.parent)


def _rescue(path: Path, finding: str, now_us: int) -> Salvage:
    """Bring what can be read into `<path>.salvaged`."""
    partial = _beside(path, ".partial")
    for suffix in ("", "-wal", "-shm"):
        _beside(partial, suffix).unlink(missing_ok=True)
        _beside(_beside(path, ".damaged"), suffix).unlink(missing_ok=True)
    lost = dict.fromkeys(TABLES, 0)
    with closing(connect(partial)) as target:
        migrate(target)
        # Flushed once, at the end: nothing depends on it before it has its name.
        target.execute("PRAGMA synchronous = OFF")
        source = _open_damaged(path)
        if source:
            with closing(source):
                # An older file lacks tables that are asked for below.
                with suppress(StoreDamagedError, *_UNREADABLE):
                    migrate(source)
                for table in TABLES:
                    lost[table] = _copy(source, target, table, path.parent, now_us)
        with transaction(target):
            salvage = _settle(target, lost, _beside(path, ".damaged"), finding, now_us)
    _sync(partial)
    partial.replace(_beside(path, ".salvaged"))
    _sync(path.parent)
    return salvage


def _open_damaged(path: Path) -> sqlite3.Connection | None:
    """Open what is left of a store, mended as far as can be without knowing its content. None when that is nothing."""
    mend_header(path)
    mend_log(_beside(path, "-wal"))
    _beside(path, "-shm").unlink(missing_ok=True)
    try:
        return connect(path)
    except _UNREADABLE:
        return None


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str, folder: Path, now_us: int) -> int:
    """Bring over the rows of one table that are whole. Returns how many weren't."""
    there = _columns(source, table)
    columns = [name for name in _columns(target, table) if name in there or not there]
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    lost = 0
    for rows, unreadable in _readable(source, table, columns):
        lost += unreadable
        with transaction(target):
            if table == "reading_block" and shutil.disk_usage(folder).free < _MIN_FREE_BYTES:
                _make_way(target, rows, now_us)
            for row in rows:
                try:
                    _verify(table, dict(zip(columns, row, strict=True)))
                    target.execute(insert, row)
                except (StoreDamagedError, sqlite3.IntegrityError):
                    lost += 1
    return lost


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """Names of a table's columns; a file of an older schema may lack some. Empty when they can't be read."""
    try:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    except _UNREADABLE:
        return []


def _readable(source: sqlite3.Connection, table: str, columns: list[str]) -> Iterator[tuple[list[_Row], int]]:
    """Rows of a table in the order of their ids, some at a time, each time with the number of ids found unreadable.

    A range of ids that can't be read is halved until what is left is single rows.
    """
    query = f"SELECT {', '.join(columns)} FROM {table} WHERE id BETWEEN ? AND ? ORDER BY id LIMIT {_ROWS}"  # noqa: S608
    failures = 0
    ranges = [_id_range(source, table)]
    while ranges:
        low, high = ranges.pop()
        try:
            rows = source.execute(query, (low, high)).fetchall()
        except _UNREADABLE:
            failures += 1
            if failures == _MAX_FAILURES:
                yield [], 1
                return
            if low == high:
                yield [], 1
            else:
                middle = (low + high) // 2
                ranges += ((middle + 1, high), (low, middle))
            continue
        yield rows, 0
        if len(rows) == _ROWS:
            ranges.append((rows[-1][0] + 1, high))


def _id_range(source: sqlite3.Connection, table: str) -> tuple[int, int]:
    try:
        low, high = source.execute(
            f"SELECT (SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})"  # noqa: S608
        ).fetchone()
    except _UNREADABLE:
        return 1, _ID_LIMIT
    return (low, high) if low is not None else (1, 1)


def _verify(table: str, row: dict[str, Any]) -> None:
    """See that the payload is whole and the row tells the truth about it.

    Raises:
        StoreDamagedError: it isn't, or doesn't.
    """
    if table == "reading_block":
        block = decode_block(row["payload"])
        described = (row["readings"], row["first_time_us"], row["last_time_us"])
        truth = (len(block), int(block.times_us.min()), int(block.times_us.max()))
        if described != truth or row["numbers"] < len(block):
            raise StoreDamagedError("block and row contradict each other")
    elif table == "record":
        record = decode_record(row["record_class"], row["payload"])
        if (row["time_us"], row["key"]) != place(record):
            raise StoreDamagedError("record and row contradict each other")


def _settle(target: sqlite3.Connection, lost: dict[str, int], damaged: Path, finding: str, now_us: int) -> Salvage:
    """Make the tables agree with each other again, and account for what is missing."""
    restore_boots(target, now_us)
    _account_for_damage(target)
    target.execute("DELETE FROM outbox WHERE record_id NOT IN (SELECT id FROM record)")
    target.execute("DELETE FROM publication WHERE record_id NOT IN (SELECT id FROM record)")
    # Batches may have lost records: all are sealed anew. The centre ignores what it has.
    target.execute("UPDATE outbox SET batch_id = NULL")
    target.execute("DELETE FROM batch")
    if lost["outbox"]:
        target.execute(
            "INSERT OR IGNORE INTO outbox (record_class, record_id, raw_bytes, lane) "
            "SELECT record_class, id, raw_bytes, "
            "CASE record_class WHEN 'window' THEN 'backlog' WHEN 'alert' THEN 'alert' ELSE 'diagnosis' END "
            "FROM record ORDER BY id"
        )
    if lost["progress"]:
        newest = RecordTable(target).windows(1)
        target.executemany(
            "INSERT OR REPLACE INTO progress (id, next_window_start_us) VALUES (1, ?)",
            [(window.end_us,) for window in newest],
        )
    lost_readings = max(_missing_numbers(target), lost["reading_block"])
    ledger = LossLedger(target)
    for record_class, count, what in (
        (RecordClass.READING, lost_readings, "readings"),
        (RecordClass.WINDOW, lost["record"], "windows, diagnoses, alerts, gaps or clock steps"),
    ):
        if count:
            ledger.note(Loss(record_class, Cause.DAMAGE, count, 0, 0, 0, 0, now_us, f"{what}: {finding}"))
    return Salvage(
        damaged,
        finding,
        readings=int(target.execute("SELECT coalesce(sum(readings), 0) FROM reading_block").fetchone()[0]),
        records=int(target.execute("SELECT count(*) FROM record").fetchone()[0]),
        lost_readings=lost_readings,
        lost_records=lost["record"],
    )


def _missing_numbers(target: sqlite3.Connection) -> int:
    """Gaps in the numbers of readings, boot by boot."""
    missing = 0
    boot, expected = None, 0
    for boot_id, first_counter, readings in target.execute(
        "SELECT boot_id, first_counter, numbers FROM reading_block ORDER BY boot_id, first_counter"
    ):
        if boot_id == boot:
            missing += max(first_counter - expected, 0)
        boot, expected = boot_id, first_counter + readings
    return missing


def _account_for_damage(target: sqlite3.Connection) -> None:
    """Windows lost before they were sent, and readings lost before they were in a window, as far as can be known."""
    accounts = AccountTable(target)
    lost = target.execute("SELECT record_id FROM outbox WHERE record_id NOT IN (SELECT id FROM record)").fetchall()
    accounts.lose_windows([row[0] for row in lost], Fate.DAMAGED)
    target.execute("DELETE FROM window_reading WHERE record_id NOT IN (SELECT id FROM record)")
    in_blocks = ReadingTable(target).numbers()
    for (boot_id,) in target.execute("SELECT id FROM boot").fetchall():
        gone = NumberRanges.below(accounts.next_number(boot_id)) - in_blocks.get(boot_id, NumberRanges())
        if gone:
            accounts.add(Fate.DAMAGED, accounts.unaccounted({boot_id: gone}))


def _make_way(target: sqlite3.Connection, rows: list[_Row], now_us: int) -> None:
    """Shed as many bytes of the oldest readings brought over as these rows will take."""
    ledger, accounts = LossLedger(target), AccountTable(target)
    shedder = Shedder(target, Outbox(target, RecordTable(target), ledger, accounts), ledger, accounts)
    needed = sum(len(value) for row in rows for value in row if isinstance(value, bytes))
    while needed > 0 and (shed := shedder.shed(READINGS, Cause.DISK_FULL, now_us)).bytes:
        needed -= shed.bytes


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
