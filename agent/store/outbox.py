"""What waits for the centre, in batches: sealed under a number that is never used again, unchanged until acknowledged.

Every record that waits is in a lane, and every batch holds records of one lane (see `cloud_sync.edge.lane`). A batch
that the centre refuses is split, until the record that it can't take is alone. That record is set aside as a dead
letter: it stays in the store with the reason, out of every lane, until a person sends it again or drops it.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.store.accounts import AccountTable, Fate
from agent.store.losses import Cause, Loss, LossLedger
from agent.store.record_table import RecordTable
from agent.store.records import RecordClass
from cloud_sync.batch_codec import encode_batch
from cloud_sync.edge.lane import Lane
from cloud_sync.edge.sealed_batch import SealedBatch
from cloud_sync.wire import WIRE_MINOR, AlertRecord, Batch, ClockStepRecord, DiagnosisRecord, GapRecord

MAX_RAW_BYTES = 4 * 2**20
"""Most bytes of a batch's records before compression, unless one record alone has more."""
MAX_RECORDS = 240
FRESH_WINDOWS = 8
"""With more windows than this waiting, the oldest of them are backlog."""
_LANES = {
    RecordClass.ALERT: Lane.ALERT,
    RecordClass.DIAGNOSIS: Lane.DIAGNOSIS,
    RecordClass.GAP: Lane.DIAGNOSIS,
    RecordClass.CLOCK_STEP: Lane.DIAGNOSIS,
    RecordClass.WINDOW: Lane.FRESH,
}
_SET_ASIDE = "set aside"
"""In the place of a lane: the record is a dead letter."""
_AGAIN = {**_LANES, RecordClass.WINDOW: Lane.BACKLOG}
"""Where a dead letter goes that is sent again."""
_NEWEST_FIRST = frozenset({Lane.DIAGNOSIS})


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that the centre refused.

    Attributes:
        id: how commands call it.
        bytes: its size in the store.
        time_us: what time it is about.
        refused_us: when the centre refused it, by the box's clock.
        reason: what the centre said.
    """

    id: int
    record_class: RecordClass
    machine: str
    bytes: int
    time_us: int
    refused_us: int
    reason: str


@dataclass(frozen=True, slots=True)
class LaneContent:
    """What waits in a lane: how many records, their bytes before compression, and the oldest one's time."""

    records: int
    raw_bytes: int
    oldest_us: int | None


class Outbox:
    """The `outbox` and `batch` tables. Writing methods run inside the caller's transaction."""

    def __init__(
        self, connection: sqlite3.Connection, records: RecordTable, ledger: LossLedger, accounts: AccountTable
    ) -> None:
        self._connection = connection
        self._records = records
        self._ledger = ledger
        self._accounts = accounts

    def add(self, record_class: RecordClass, record_id: int, raw_bytes: int) -> None:
        """A record is to be sent."""
        lane = _LANES[record_class]
        self._connection.execute(
            "INSERT INTO outbox (record_class, record_id, raw_bytes, lane) VALUES (?, ?, ?, ?)",
            (record_class, record_id, raw_bytes, lane),
        )
        if lane is Lane.FRESH:
            self._connection.execute(
                "UPDATE outbox SET lane = ? WHERE batch_id IS NULL AND lane = ? AND id <= (SELECT id FROM outbox "
                "WHERE batch_id IS NULL AND lane = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (Lane.BACKLOG, lane, lane, FRESH_WINDOWS),
            )

    def waiting(self, lane: Lane) -> bool:
        """Whether a lane has records in no batch yet."""
        query = "SELECT 1 FROM outbox WHERE batch_id IS NULL AND lane = ? LIMIT 1"
        return self._connection.execute(query, (lane,)).fetchone() is not None

    def seal(self, lane: Lane, boot_id: int, max_bytes: int) -> None:
        """Put what is first to go of a lane into a batch under this boot's next number."""
        self._seal(lane, boot_id, list(self._first_to_go(lane, min(max_bytes, MAX_RAW_BYTES))))

    def sealed(self, lane: Lane) -> int | None:
        """Id of the batch of this lane that is to be sent next, None when none is sealed."""
        row = self._connection.execute("SELECT id FROM batch WHERE lane = ? ORDER BY id LIMIT 1", (lane,)).fetchone()
        return int(row[0]) if row else None

    def content(self, batch_id: int) -> SealedBatch | None:
        """The batch as it is sent; damaged records are missing from it, the same ones every time. None: all of them.

        Windows are passed along as they lie in the store.
        """
        lane, boot, number = self._connection.execute(
            "SELECT lane, boot.name, number FROM batch JOIN boot ON boot.id = boot_id WHERE batch.id = ?", (batch_id,)
        ).fetchone()
        windows = list(self._records.packed_of_batch(batch_id, RecordClass.WINDOW))
        others = [record for _, record in self._records.of_batch(batch_id, RecordClass.WINDOW)]
        if not windows and not others:
            return None
        batch = Batch(
            boot,
            number,
            diagnoses=tuple(item for item in others if isinstance(item, DiagnosisRecord)),
            alerts=tuple(item for item in others if isinstance(item, AlertRecord)),
            gaps=tuple(item for item in others if isinstance(item, GapRecord)),
            clock_steps=tuple(item for item in others if isinstance(item, ClockStepRecord)),
            backlog=lane == Lane.BACKLOG,
            schema_minor=WIRE_MINOR,
        )
        records = len(windows) + len(others)
        return SealedBatch(Lane(lane), boot, number, records, encode_batch(batch, windows))

    def close(self, boot: str, number: int, now_us: int) -> Lane | None:
        """Take a batch and its records out of the outbox. The records stay in the store.

        Returns:
            Its lane; None when there is no such batch, which is no harm: it was acknowledged before.
        """
        row = self._take_batch(boot, number)
        if row is None:
            return None
        batch_id, lane = row
        self._write_off_damaged(batch_id, now_us)
        self._connection.execute("DELETE FROM outbox WHERE batch_id = ?", (batch_id,))
        return lane

    def refuse(self, boot: str, number: int, boot_id: int, reason: str, now_us: int) -> Lane | None:
        """The centre won't take this batch: split it in two, or set its only record aside. Gives its lane."""
        row = self._take_batch(boot, number)
        if row is None:
            return None
        batch_id, lane = row
        query = "SELECT id FROM outbox WHERE batch_id = ? ORDER BY id"
        ids = [int(item[0]) for item in self._connection.execute(query, (batch_id,))]
        if len(ids) == 1:
            self._connection.execute(
                "UPDATE outbox SET lane = ?, batch_id = NULL, reason = ?, refused_us = ? WHERE id = ?",
                (_SET_ASIDE, reason, now_us, ids[0]),
            )
        else:
            for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
                self._seal(lane, boot_id, half)
        return lane

    def give_up(self, batch_id: int, now_us: int) -> None:
        """Nothing in this batch can be read: it isn't sent, and the ledger says so."""
        self._write_off_damaged(batch_id, now_us)
        self._connection.execute("DELETE FROM outbox WHERE batch_id = ?", (batch_id,))
        self._connection.execute("DELETE FROM batch WHERE id = ?", (batch_id,))

    def withdraw(self, record_ids: list[int]) -> None:
        """Records are about to be shed. A batch that loses one is dissolved: the rest is sealed under a new number."""
        for record_id in record_ids:
            row = self._connection.execute(
                "DELETE FROM outbox WHERE record_id = ? RETURNING batch_id", (record_id,)
            ).fetchone()
            if row and row[0] is not None:
                self._connection.execute("UPDATE outbox SET batch_id = NULL WHERE batch_id = ?", row)
                self._connection.execute("DELETE FROM batch WHERE id = ?", row)

    def dead_letters(self) -> list[DeadLetter]:
        """Records that the centre refused, in the order they were recorded."""
        rows = self._connection.execute(
            "SELECT outbox.id, record.record_class, machine, bytes, time_us, refused_us, reason FROM outbox "
            "JOIN record ON record.id = record_id WHERE batch_id IS NULL AND lane = ? ORDER BY outbox.id",
            (_SET_ASIDE,),
        )
        return [DeadLetter(row[0], RecordClass(row[1]), *row[2:]) for row in rows]

    def record_of(self, dead_letter_id: int) -> int | None:
        """Row id of a dead letter's record; None when there is none of that id."""
        row = self._connection.execute(
            "SELECT record_id FROM outbox WHERE id = ? AND lane = ?", (dead_letter_id, _SET_ASIDE)
        ).fetchone()
        return int(row[0]) if row else None

    def retry(self, dead_letter_id: int) -> bool:
        """Send a dead letter again. False when there is none of that id."""
        row = self._connection.execute(
            "SELECT record_class FROM outbox WHERE id = ? AND lane = ?", (dead_letter_id, _SET_ASIDE)
        ).fetchone()
        if row is None:
            return False
        self._connection.execute(
            "UPDATE outbox SET lane = ?, reason = NULL, refused_us = NULL WHERE id = ?",
            (_AGAIN[RecordClass(row[0])], dead_letter_id),
        )
        return True

    def drop(self, dead_letter_id: int, now_us: int) -> bool:
        """The centre will never have this dead letter; the ledger says so. False when there is none of that id."""
        letter = next((item for item in self.dead_letters() if item.id == dead_letter_id), None)
        if letter is None:
            return False
        (record_id,) = self._connection.execute(
            "DELETE FROM outbox WHERE id = ? RETURNING record_id", (dead_letter_id,)
        ).fetchone()
        self._accounts.lose_windows([record_id], Fate.REFUSED)
        self._ledger.note(
            Loss(
                letter.record_class,
                Cause.REFUSED,
                1,
                1,
                letter.bytes,
                letter.time_us,
                letter.time_us,
                now_us,
                letter.reason,
            )
        )
        return True

    def lanes(self) -> dict[Lane, LaneContent]:
        """What waits in each lane, sealed or not. Reads indexes and rows of the outbox, never payloads."""
        rows = self._connection.execute(
            "SELECT lane, count(*), sum(raw_bytes), min(record_id) FROM outbox WHERE lane <> ? GROUP BY lane",
            (_SET_ASIDE,),
        ).fetchall()
        oldest = "SELECT time_us FROM record WHERE id = ?"
        waiting = {
            Lane(lane): LaneContent(records, raw_bytes, self._connection.execute(oldest, (first,)).fetchone()[0])
            for lane, records, raw_bytes, first in rows
        }
        return {lane: waiting.get(lane, LaneContent(0, 0, None)) for lane in Lane}

    def _take_batch(self, boot: str, number: int) -> tuple[int, Lane] | None:
        """Take a batch away, and leave its records; its id and lane."""
        row = self._connection.execute(
            "DELETE FROM batch WHERE number = ? AND boot_id = (SELECT id FROM boot WHERE name = ?) RETURNING id, lane",
            (number, boot),
        ).fetchone()
        return (int(row[0]), Lane(row[1])) if row else None

    def _write_off_damaged(self, batch_id: int, now_us: int) -> None:
        """Note in the ledger and in the accounts which records of a batch were left out of it."""
        rows = self._connection.execute(
            "SELECT record.id, record.record_class, bytes, time_us FROM outbox JOIN record ON record.id = record_id "
            "WHERE batch_id = ?",
            (batch_id,),
        ).fetchall()
        damaged = [row for row in rows if row[0] in self._records.damaged]
        self._accounts.lose_windows([row[0] for row in damaged], Fate.DAMAGED)
        for _, record_class, size, time_us in damaged:
            self._ledger.note(
                Loss(RecordClass(record_class), Cause.DAMAGE, 1, 1, size, time_us, time_us, now_us, "can't be sent")
            )

    def _seal(self, lane: Lane, boot_id: int, outbox_ids: Sequence[int]) -> None:
        number = self._connection.execute(
            "UPDATE boot SET batches = batches + 1 WHERE id = ? RETURNING batches", (boot_id,)
        ).fetchone()[0]
        batch_id = self._connection.execute(
            "INSERT INTO batch (boot_id, number, lane) VALUES (?, ?, ?)", (boot_id, number, lane)
        ).lastrowid
        self._connection.executemany(
            "UPDATE outbox SET batch_id = ? WHERE id = ?", [(batch_id, outbox_id) for outbox_id in outbox_ids]
        )

    def _first_to_go(self, lane: Lane, max_bytes: int) -> Iterator[int]:
        """Ids of a lane's outbox rows for its next batch: as many as fit, at least one."""
        order = "DESC" if lane in _NEWEST_FIRST else "ASC"
        size = 0
        for count, (outbox_id, raw_bytes) in enumerate(
            self._connection.execute(
                f"SELECT id, raw_bytes FROM outbox WHERE batch_id IS NULL AND lane = ? ORDER BY id {order} LIMIT ?",  # noqa: S608
                (lane, MAX_RECORDS),
            )
        ):
            size += raw_bytes
            if count and size > max_bytes:
                return
            yield outbox_id
