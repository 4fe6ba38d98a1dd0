"""What waits for the centre, in batches: sealed under a number that is never used again, unchanged until acknowledged.

Alerts go before diagnoses, diagnoses before windows; the oldest first within each.
"""

import sqlite3
from dataclasses import dataclass

from agent.store.accounts import AccountTable, Fate
from agent.store.losses import Cause, Loss, LossLedger
from agent.store.records import RecordClass, RecordTable
from cloud_sync.wire import AlertRecord, Batch, DiagnosisRecord, WindowRecord

MAX_RAW_BYTES = 4 * 2**20
"""Most bytes of a batch's records before compression, unless one record alone has more."""
MAX_WINDOWS = 60
_FIRST_TO_GO = (RecordClass.ALERT, RecordClass.DIAGNOSIS, RecordClass.WINDOW)


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A row of the `batch` table with the name of its boot."""

    id: int
    boot: str
    number: int


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
        self._connection.execute(
            "INSERT INTO outbox (record_class, record_id, raw_bytes) VALUES (?, ?, ?)",
            (record_class, record_id, raw_bytes),
        )

    def oldest(self) -> SealedBatch | None:
        """The batch that was sealed first of those not acknowledged."""
        row = self._connection.execute(
            "SELECT batch.id, boot.name, number FROM batch JOIN boot ON boot.id = boot_id ORDER BY batch.id LIMIT 1"
        ).fetchone()
        return SealedBatch(*row) if row else None

    def waiting(self) -> bool:
        """Whether there are records in no batch yet."""
        return bool(self._connection.execute("SELECT 1 FROM outbox WHERE batch_id IS NULL LIMIT 1").fetchone())

    def seal(self, boot_id: int) -> None:
        """Put what is first to go into a batch under this boot's next number."""
        chosen = self._first_to_go()
        number = self._connection.execute(
            "UPDATE boot SET batches = batches + 1 WHERE id = ? RETURNING batches", (boot_id,)
        ).fetchone()[0]
        batch_id = self._connection.execute(
            "INSERT INTO batch (boot_id, number) VALUES (?, ?)", (boot_id, number)
        ).lastrowid
        self._connection.executemany(
            "UPDATE outbox SET batch_id = ? WHERE id = ?", [(batch_id, outbox_id) for outbox_id in chosen]
        )

    def content(self, sealed: SealedBatch) -> Batch:
        """The batch as it is sent; damaged records are missing from it, the same ones every time."""
        items = [record for _, record in self._records.of_batch(sealed.id)]
        return Batch(
            sealed.boot,
            sealed.number,
            windows=tuple(item for item in items if isinstance(item, WindowRecord)),
            diagnoses=tuple(item for item in items if isinstance(item, DiagnosisRecord)),
            alerts=tuple(item for item in items if isinstance(item, AlertRecord)),
        )

    def close(self, boot: str, number: int) -> bool:
        """Take a batch and its records out of the outbox. The records stay in the store.

        Returns:
            False when there is no such batch, which is no harm: it was acknowledged before.
        """
        row = self._connection.execute(
            "DELETE FROM batch WHERE number = ? AND boot_id = (SELECT id FROM boot WHERE name = ?) RETURNING id",
            (number, boot),
        ).fetchone()
        if row:
            self._connection.execute("DELETE FROM outbox WHERE batch_id = ?", row)
        return row is not None

    def refuse(self, boot: str, number: int, reason: str, now_us: int) -> None:
        """The centre will never take this batch: its records stay here only, and the ledger says so."""
        rows = self._connection.execute(
            "SELECT record.record_class, count(*), sum(bytes), min(time_us), max(time_us) FROM outbox "
            "JOIN record ON record.id = record_id WHERE batch_id = (SELECT batch.id FROM batch "
            "JOIN boot ON boot.id = boot_id WHERE name = ? AND number = ?) GROUP BY 1",
            (boot, number),
        ).fetchall()
        refused = self._connection.execute(
            "SELECT record_id FROM outbox JOIN batch ON batch.id = batch_id JOIN boot ON boot.id = boot_id "
            "WHERE name = ? AND number = ?",
            (boot, number),
        ).fetchall()
        self._accounts.lose_windows([row[0] for row in refused], Fate.REFUSED)
        for record_class, count, size, first_us, last_us in rows:
            self._ledger.note(
                Loss(RecordClass(record_class), Cause.REFUSED, count, count, size, first_us, last_us, now_us, reason)
            )
        self.close(boot, number)

    def withdraw(self, record_ids: list[int]) -> None:
        """Records are about to be shed. A batch that loses one is dissolved: the rest is sealed under a new number."""
        for record_id in record_ids:
            row = self._connection.execute(
                "DELETE FROM outbox WHERE record_id = ? RETURNING batch_id", (record_id,)
            ).fetchone()
            if row and row[0] is not None:
                self._connection.execute("UPDATE outbox SET batch_id = NULL WHERE batch_id = ?", row)
                self._connection.execute("DELETE FROM batch WHERE id = ?", row)

    def _first_to_go(self) -> list[int]:
        """Ids of outbox rows for the next batch: as many as fit, at least one."""
        chosen: list[int] = []
        size = windows = 0
        for record_class in _FIRST_TO_GO:
            for outbox_id, raw_bytes in self._connection.execute(
                "SELECT id, raw_bytes FROM outbox WHERE batch_id IS NULL AND record_class = ? ORDER BY id",
                (record_class,),
            ):
                windows += record_class is RecordClass.WINDOW
                size += raw_bytes
                if chosen and (size > MAX_RAW_BYTES or windows > MAX_WINDOWS):
                    return chosen
                chosen.append(outbox_id)
        return chosen
