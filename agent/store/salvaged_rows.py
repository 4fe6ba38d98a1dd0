"""Takes what can be read out of a damaged file, table by table and row by row, and sees that each row is whole."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.store.accounts import AccountTable
from agent.store.block import decode_block
from agent.store.connection import transaction
from agent.store.losses import Cause, LossLedger
from agent.store.outbox import Outbox
from agent.store.record_table import RecordTable
from agent.store.records import decode_record, place
from agent.store.retention import READINGS, Shedder
from edge_runtime.errors import StoreDamagedError

UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)

_ROWS = 64
_MAX_FAILURES = 20_000
"""Failed queries after which the rest of a table is given up; a query that fails takes microseconds."""
_ID_LIMIT = 2**40
_MIN_FREE_BYTES = 16 * 2**20
"""With less room on the disk, the oldest readings brought over make way for newer ones."""
_Row = tuple[Any, ...]


def copy_whole_rows(
    source: sqlite3.Connection, target: sqlite3.Connection, table: str, folder: Path, now_us: int
) -> int:
    """Bring over the rows of one table that are whole; on a full disk the oldest readings make way for newer ones.

    Args:
        source: the damaged file.
        target: the new one, with the newest schema.
        table: which.
        folder: where the new one is.
        now_us: when this is, for the ledger of losses.

    Returns:
        How many rows weren't whole.
    """
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
    except UNREADABLE:
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
        except UNREADABLE:
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
    except UNREADABLE:
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


def _make_way(target: sqlite3.Connection, rows: list[_Row], now_us: int) -> None:
    """Shed as many bytes of the oldest readings brought over as these rows will take."""
    ledger, accounts = LossLedger(target), AccountTable(target)
    shedder = Shedder(target, Outbox(target, RecordTable(target), ledger, accounts), ledger, accounts)
    needed = sum(len(value) for row in rows for value in row if isinstance(value, bytes))
    while needed > 0 and (shed := shedder.shed(READINGS, Cause.DISK_FULL, now_us)).bytes:
        needed -= shed.bytes
