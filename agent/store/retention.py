"""What is shed when room runs out, by class: readings, windows, diagnoses, gaps and steps of the clock, last alerts.

What is still needed goes last: records that the centre doesn't have, and readings that aren't diagnosed, without which
there would be no next window. It is never shed merely to leave room on the disk for others.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from agent.store.accounts import AccountTable, Fate, NumbersByBoot
from agent.store.losses import Cause, Loss, LossLedger
from agent.store.outbox import Outbox
from agent.store.records import RecordClass
from edge_runtime.number_ranges import NumberRanges

SHED_BYTES = 2**20
"""Freed in one transaction, about: little enough not to hold up storing."""
_SHED_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Retention:
    """How much room the store may take.

    Attributes:
        max_bytes: size of what it holds.
        min_free_bytes: room left on the disk for others, as far as raw readings and what the centre has can give it.
    """

    max_bytes: int = 2 * 2**30
    min_free_bytes: int = 200 * 2**20


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the order in which things are shed. `needed`: not yet at the centre, or not yet diagnosed."""

    record_class: RecordClass
    needed: bool = False


FREE_TO_GO = (
    Stage(RecordClass.READING),
    Stage(RecordClass.WINDOW),
    Stage(RecordClass.DIAGNOSIS),
    Stage(RecordClass.GAP),
    Stage(RecordClass.CLOCK_STEP),
    Stage(RecordClass.ALERT),
)
READINGS = (Stage(RecordClass.READING), Stage(RecordClass.READING, needed=True))
FOR_READINGS = (*FREE_TO_GO, Stage(RecordClass.WINDOW, needed=True), Stage(RecordClass.READING, needed=True))
"""What may go so that new readings can be stored."""
FOR_DIAGNOSES = (*FOR_READINGS, Stage(RecordClass.DIAGNOSIS, needed=True))
EVERYTHING = (
    *FOR_DIAGNOSES,
    Stage(RecordClass.GAP, needed=True),
    Stage(RecordClass.CLOCK_STEP, needed=True),
    Stage(RecordClass.ALERT, needed=True),
)


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    bytes: int
    records: int
    first_us: int
    last_us: int


@dataclass(frozen=True, slots=True)
class Shed:
    """What one step of shedding came to.

    Attributes:
        bytes: of payload freed; 0 when no stage has anything left.
        undiagnosed: numbers of readings that no window will have now.
    """

    bytes: int
    undiagnosed: NumbersByBoot


class Shedder:
    """Deletes the oldest of a stage and notes it in the ledgers. Its methods run inside the caller's transaction."""

    def __init__(
        self, connection: sqlite3.Connection, outbox: Outbox, ledger: LossLedger, accounts: AccountTable
    ) -> None:
        self._connection = connection
        self._outbox = outbox
        self._ledger = ledger
        self._accounts = accounts

    def shed(self, stages: tuple[Stage, ...], cause: Cause, now_us: int) -> Shed:
        """Free about SHED_BYTES from the first stage that has anything."""
        for stage in stages:
            rows = list(self._oldest(stage))
            if rows:
                undiagnosed = self._delete(stage, rows)
                records = sum(row.records for row in rows)
                size = sum(row.bytes for row in rows)
                self._ledger.note(
                    Loss(
                        stage.record_class,
                        cause,
                        records,
                        records if stage.needed and stage.record_class is not RecordClass.READING else 0,
                        size,
                        min(row.first_us for row in rows),
                        max(row.last_us for row in rows),
                        now_us,
                    )
                )
                return Shed(size, undiagnosed)
        return Shed(0, {})

    def _oldest(self, stage: Stage) -> Iterator[_Row]:
        size = 0
        for row in self._candidates(stage):
            yield _Row(*row)
            size += row[1]
            if size >= SHED_BYTES:
                return

    def _candidates(self, stage: Stage) -> sqlite3.Cursor:
        if stage.record_class is RecordClass.READING:
            # The newest block stays: the next number of this boot is read from it.
            return self._connection.execute(
                "SELECT id, bytes, readings, first_time_us, last_time_us FROM reading_block "
                "WHERE id < (SELECT max(id) FROM reading_block) "
                "AND (? OR last_time_us < (SELECT next_window_start_us FROM progress)) ORDER BY id LIMIT ?",
                (stage.needed, _SHED_ROWS),
            )
        return self._connection.execute(
            "SELECT id, bytes, 1, time_us, time_us FROM record WHERE record_class = ? "
            "AND EXISTS (SELECT 1 FROM outbox WHERE record_id = record.id) = ? ORDER BY time_us LIMIT ?",
            (stage.record_class, stage.needed, _SHED_ROWS),
        )

    def _delete(self, stage: Stage, rows: list[_Row]) -> NumbersByBoot:
        """Delete them; numbers of readings among them that were in no window."""
        ids = [(row.id,) for row in rows]
        if stage.record_class is RecordClass.READING:
            undiagnosed = self._accounts.unaccounted(self._delete_blocks([row.id for row in rows]))
            self._accounts.add(Fate.SHED, undiagnosed)
            return undiagnosed
        if stage.needed:
            self._outbox.withdraw([row.id for row in rows])
            self._accounts.lose_windows([row.id for row in rows], Fate.UNSENT)
        self._accounts.forget_windows([row.id for row in rows])
        self._connection.executemany("DELETE FROM publication WHERE record_id = ?", ids)
        self._connection.executemany("DELETE FROM record WHERE id = ?", ids)
        return {}

    def _delete_blocks(self, block_ids: list[int]) -> NumbersByBoot:
        """Numbers of all readings in these blocks."""
        deleted: dict[int, NumberRanges] = {}
        for block_id in block_ids:
            boot_id, first, count = self._connection.execute(
                "DELETE FROM reading_block WHERE id = ? RETURNING boot_id, first_counter, numbers", (block_id,)
            ).fetchone()
            deleted[boot_id] = deleted.get(boot_id, NumberRanges()) | NumberRanges(((first, first + count - 1),))
        return deleted


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something: freed pages, which are used again, don't count."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
