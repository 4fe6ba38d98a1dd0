"""Connections to the store's file, transactions, and what SQLite's errors mean to us.

WAL with synchronous=FULL: a commit is on the disk when it returns, and readers never wait for the writer.
auto_vacuum=INCREMENTAL: as a rule pages that retention frees are used again by the next readings, which wears the flash
least; only when the disk itself runs low is the file made smaller, which no other mode can do without copying it whole.
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from agent.store.file_format import PAGE_BYTES
from edge_runtime.errors import StoreDamagedError, StoreError, StoreFullError

BUSY_TIMEOUT_S = 5.0
CACHE_KIB = 4096
LOG_BYTES = 4 * 2**20
"""At this length the log is brought into the file. Until then a page that is written again and again, such as those of
blocks that are soon merged, is written to the log only."""
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}


def connect(path: Path) -> sqlite3.Connection:
    """Open for reading and writing, creating the file if there is none."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        page_bytes = int(connection.execute("PRAGMA page_size").fetchone()[0])
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_BYTES // page_bytes}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open for reading beside a writer, or alone.

    Raises:
        StoreError: there is no such file, or this user may not read it.
    """
    if not path.exists():
        raise StoreError(f"{path}: there is no store", hint="Start the agent with `hydrosight run` to make one.")
    name = quote(str(path))
    with store_errors(path):
        try:
            return _opened(f"file:{name}?mode=ro")
        except sqlite3.OperationalError:
            if path.with_name(path.name + "-wal").exists():
                raise
            # Who may not write to the folder can't make the files that WAL needs; without a writer there is no WAL.
            return _opened(f"file:{name}?mode=ro&immutable=1")


def _opened(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; on the disk when the block is left without an error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors and those of the file system into ours.

    Raises:
        StoreFullError: no room on the disk.
        StoreError: anything else.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(path, error) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise _full(path) from error
        raise StoreError(f"{path}: {error.strerror}", hint="Check the disk and who may write to the folder.") from error


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error says that the file's content is wrong, rather than that it can't be got at."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def _translated(path: Path, error: sqlite3.Error) -> StoreError:
    extended = getattr(error, "sqlite_errorcode", 0)
    code = extended & 0xFF
    if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE:
        return _full(path)
    if code in _DAMAGE:
        return StoreDamagedError(
            f"{path}: the file is damaged: {error}",
            hint="The agent sets it aside and saves what can be read: if none runs, start it with `hydrosight run`.",
        )
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreError(f"{path}: another program holds it: {error}", hint="Close that program.")
    return StoreError(f"{path}: {error}", hint="`hydrosight doctor` checks the disk and who may write to it.")


def _full(path: Path) -> StoreFullError:
    return StoreFullError(
        f"{path}: no room left on the disk", hint="Make room: `hydrosight buffer` shows what is used."
    )
