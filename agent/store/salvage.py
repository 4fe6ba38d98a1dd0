"""What is done with a damaged file: all that can be read is brought into a new one, and the old one is set aside.

The new file is made beside the old one and takes its place only when it is whole, so that salvage can be cut short
at any point and is then done again or finished at the next start.
"""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.store.connection import connect, is_damage, transaction
from agent.store.file_format import log_is_damaged, mend_header, mend_log
from agent.store.salvage_accounts import settle
from agent.store.salvaged_rows import UNREADABLE, copy_whole_rows
from agent.store.schema import TABLES, check, migrate
from edge_runtime.errors import StoreDamagedError


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
                with suppress(StoreDamagedError, *UNREADABLE):
                    migrate(source)
                for table in TABLES:
                    lost[table] = copy_whole_rows(source, target, table, path.parent, now_us)
        with transaction(target):
            lost_readings = settle(target, lost, finding, now_us)
        readings = target.execute("SELECT coalesce(sum(readings), 0) FROM reading_block").fetchone()[0]
        records = target.execute("SELECT count(*) FROM record").fetchone()[0]
    _sync(partial)
    partial.replace(_beside(path, ".salvaged"))
    _sync(path.parent)
    return Salvage(_beside(path, ".damaged"), finding, readings, records, lost_readings, lost["record"])


def _open_damaged(path: Path) -> sqlite3.Connection | None:
    """Open what is left of a store, mended as far as can be without knowing its content. None when that is nothing."""
    mend_header(path)
    mend_log(_beside(path, "-wal"))
    _beside(path, "-shm").unlink(missing_ok=True)
    try:
        return connect(path)
    except UNREADABLE:
        return None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
