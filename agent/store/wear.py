"""How much the store writes to the disk, and for how much content: what the flash wears by.

Linux counts, thread by thread, the bytes of pages that were made dirty in files on a disk (`write_bytes` of
/proc/thread-self/io, see proc_pid_io(5)): the log, its checkpoints and the unchanged bytes around a changed one alike,
which is what reaches the flash, but for the file system's own journal. The agent uses its store in a single thread.
A file system in memory counts nothing, and some kernels don't count at all: then there are no figures.
"""

import re
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.store.losses import DAY_US

_MIN_MEASURED_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Wear:
    """What was written over yesterday and today.

    Attributes:
        measured_us: how long the agent was watching in that time.
        written_bytes: sent to the disk meanwhile.
        bytes_per_day: at that rate.
        amplification: bytes written for each byte of compressed readings, windows, diagnoses and alerts, as they were
            first stored; None when nothing was.
        total_bytes: written ever since this store was made.
    """

    measured_us: int
    written_bytes: int
    bytes_per_day: float
    amplification: float | None
    total_bytes: int


class WearTable:
    """The `wear` table, a row for each day. Writing methods run inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, now_us: int, measured_us: int, written_bytes: int, payload_bytes: int) -> None:
        """Add what was written in the time just past."""
        self._connection.execute(
            "INSERT INTO wear (id, measured_us, written_bytes, payload_bytes) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET measured_us = measured_us + excluded.measured_us, "
            "written_bytes = written_bytes + excluded.written_bytes, "
            "payload_bytes = payload_bytes + excluded.payload_bytes",
            (now_us // DAY_US, measured_us, written_bytes, payload_bytes),
        )

    def figures(self, now_us: int) -> Wear | None:
        """Yesterday's and today's; None until a minute was measured, or where nothing can be."""
        measured_us, written_bytes, payload_bytes = self._connection.execute(
            "SELECT coalesce(sum(measured_us), 0), coalesce(sum(written_bytes), 0), coalesce(sum(payload_bytes), 0) "
            "FROM wear WHERE id BETWEEN ? AND ?",
            (now_us // DAY_US - 1, now_us // DAY_US),
        ).fetchone()
        if measured_us < _MIN_MEASURED_US or not written_bytes:
            return None
        total = self._connection.execute("SELECT sum(written_bytes) FROM wear").fetchone()[0]
        amplification = written_bytes / payload_bytes if payload_bytes else None
        return Wear(measured_us, written_bytes, written_bytes * DAY_US / measured_us, amplification, total)


def thread_written_bytes() -> int | None:
    """What this thread has had written to disks so far; None where Linux doesn't count it."""
    try:
        text = Path("/proc/thread-self/io").read_text()
    except OSError:
        return None
    found = re.search(r"^write_bytes: (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else None


class WriteMeter:
    """Tells what was written from one lap to the next, from its making on."""

    def __init__(
        self,
        written_bytes: Callable[[], int | None] = thread_written_bytes,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._written_bytes = written_bytes
        self._monotonic_s = monotonic_s
        self._last = (written_bytes(), monotonic_s())

    def lap(self) -> tuple[int, int] | None:
        """Microseconds and bytes written since the lap before; None where that can't be measured."""
        before, began_s = self._last
        now, now_s = self._last = (self._written_bytes(), self._monotonic_s())
        if before is None or now is None:
            return None
        return round((now_s - began_s) * 1e6), now - before
