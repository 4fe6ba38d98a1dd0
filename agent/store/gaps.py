"""The ledger of gaps: every time in which readings weren't taken or couldn't be kept, with its cause, span and sensors.

A gap is written when it begins and again when it is over, so that it survives whatever happens in between. What was
stored and is gone since is in the ledger of loss (see losses.py).
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from agent.store.clock_ledger import Correction

MAX_ROWS = 20_000


class GapCause(StrEnum):
    """Why there are no readings. The values are in files: never change one."""

    SOURCE_DOWN = "source down"
    """The device or broker can't be reached, or is at fault; the detail is what the source says."""
    SILENT = "silent"
    """The source is well, and gives no value of these sensors."""
    LATE_POLLS = "polls left out"
    """The device answers too slowly for its period."""
    OVERFLOW = "memory full"
    """Dropped while the store took nothing; counted exactly."""
    STORE_REFUSED = "store refused"
    """Nothing could be stored; what fits into memory is stored afterwards."""
    STOPPED = "agent stopped"
    KILLED = "agent killed"
    POWER_LOST = "power lost"


_ABSENCES = (GapCause.STOPPED, GapCause.KILLED, GapCause.POWER_LOST)
"""They begin with the last reading of an earlier run."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One row.

    Attributes:
        number: unique in the store, counted from 1.
        cause: why.
        source: name of the source; empty where all are concerned.
        sensors: those concerned; none where it isn't about single ones.
        began_us: the last reading before it, or when it was noticed, by the box's clock.
        ended_us: the first reading after it; None while it lasts.
        lost: readings or polls that are known to be missing; 0 where nobody can count them.
        detail: more about it, where there is more to say.
    """

    number: int
    cause: GapCause
    source: str
    sensors: tuple[str, ...]
    began_us: int
    ended_us: int | None = None
    lost: int = 0
    detail: str = ""


class GapTable:
    """The `gap` table. Writing methods run inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, gaps: Iterable[Gap], boot_id: int) -> None:
        """Write gaps, those that are there already as they are now."""
        self._connection.executemany(
            "INSERT INTO gap (id, boot_id, cause, source, sensors, began_us, ended_us, lost, detail) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET cause = excluded.cause, "
            "sensors = excluded.sensors, began_us = excluded.began_us, ended_us = excluded.ended_us, "
            "lost = excluded.lost, detail = excluded.detail",
            [
                (
                    *(gap.number, boot_id, gap.cause, gap.source, json.dumps(gap.sensors)),
                    *(gap.began_us, gap.ended_us, gap.lost, gap.detail),
                )
                for gap in gaps
            ],
        )
        self._connection.execute(
            "DELETE FROM gap WHERE id <= (SELECT max(id) FROM gap) - ? AND ended_us IS NOT NULL", (MAX_ROWS,)
        )

    def boot_of(self, number: int) -> str | None:
        """The run that noticed it; None where that isn't known any more."""
        row = self._connection.execute(
            "SELECT boot.name FROM gap JOIN boot ON boot.id = boot_id WHERE gap.id = ?", (number,)
        ).fetchone()
        return str(row[0]) if row else None

    def correct(self, correction: Correction) -> list[Gap]:
        """Move what was stamped by a clock that is known better now; gives the gaps that this changed."""
        changed = self._connection.execute(
            "UPDATE gap SET began_us = began_us + iif(began_us > ?1 AND cause NOT IN (?3, ?4, ?5), ?2, 0), "
            "ended_us = ended_us + iif(ended_us >= ?1, ?2, 0) "
            "WHERE boot_id BETWEEN ?6 AND ?7 AND max(began_us, coalesce(ended_us, 0)) >= ?1 RETURNING id",
            (
                *(correction.since_us, correction.shift_us),
                *_ABSENCES,
                *(correction.first_boot_id, correction.last_boot_id),
            ),
        ).fetchall()
        return [gap for row in changed for gap in self._rows("WHERE id = ?", row)]

    def since(self, time_us: int) -> list[Gap]:
        """Those that lasted until then or longer, the latest first."""
        return self._rows("WHERE coalesce(ended_us, ?1) >= ?1 ORDER BY began_us DESC, id DESC", (time_us,))

    def open(self) -> list[Gap]:
        """Those that last."""
        return self._rows("WHERE ended_us IS NULL ORDER BY id", ())

    def next_number(self) -> int:
        """The number of the next one."""
        return int(self._connection.execute("SELECT coalesce(max(id), 0) + 1 FROM gap").fetchone()[0])

    def _rows(self, condition: str, parameters: tuple[int, ...]) -> list[Gap]:
        rows = self._connection.execute(
            f"SELECT id, cause, source, sensors, began_us, ended_us, lost, detail FROM gap {condition}",  # noqa: S608, every condition is in this file
            parameters,
        )
        return [Gap(row[0], GapCause(row[1]), row[2], tuple(json.loads(row[3])), *row[4:]) for row in rows]
