"""The ledger of loss: whatever is no longer in the store is accounted for, by kind, cause and day."""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from agent.store.records import RecordClass

DAY_US = 86_400_000_000


class Cause(StrEnum):
    """Why something is gone."""

    SIZE_LIMIT = "size limit"
    LOW_DISK = "low disk"
    DISK_FULL = "disk full"
    DAMAGE = "damage"
    REFUSED = "refused by the centre"


@dataclass(frozen=True, slots=True)
class Loss:
    """What was lost of one kind, for one cause, on one day.

    Attributes:
        records: number of readings, windows, diagnoses or alerts.
        unsent: how many of them the centre hadn't acknowledged; always 0 for readings, which stay on the box.
        bytes: their size in the store.
        first_us: earliest source time of what is gone; 0 when it isn't known.
        last_us: latest one.
        noted_us: when it was last added to, by the box's clock.
        detail: more about the latest of it, where there is more to say.
    """

    record_class: RecordClass
    cause: Cause
    records: int
    unsent: int
    bytes: int
    first_us: int
    last_us: int
    noted_us: int
    detail: str = ""


class LossLedger:
    """The `loss` table. Losses of the same kind, cause and day are added up, so that it stays small."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, loss: Loss) -> None:
        """Add a loss, inside the caller's transaction."""
        self._connection.execute(
            "INSERT INTO loss (record_class, cause, day, records, unsent, bytes, first_us, last_us, noted_us, "
            "detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (record_class, cause, day) DO UPDATE SET "
            "records = records + excluded.records, unsent = unsent + excluded.unsent, bytes = bytes + excluded.bytes, "
            "first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us), "
            "noted_us = excluded.noted_us, detail = excluded.detail",
            (
                loss.record_class,
                loss.cause,
                loss.noted_us // DAY_US,
                loss.records,
                loss.unsent,
                loss.bytes,
                loss.first_us,
                loss.last_us,
                loss.noted_us,
                loss.detail,
            ),
        )

    def all(self) -> list[Loss]:
        """Every row, the latest first."""
        rows = self._connection.execute(
            "SELECT record_class, cause, records, unsent, bytes, first_us, last_us, noted_us, detail FROM loss "
            "ORDER BY noted_us DESC, id DESC"
        )
        return [Loss(RecordClass(row[0]), Cause(row[1]), *row[2:]) for row in rows]
