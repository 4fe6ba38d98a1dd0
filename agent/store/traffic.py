"""What was sent to the centre, by day and lane: the bytes that a metered network is paid for."""

import sqlite3
from dataclasses import dataclass

from agent.store.losses import DAY_US
from cloud_sync.edge.lane import Lane

DAYS_KEPT = 90


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one lane sent in a day: batches that the centre acknowledged, and bytes of bodies, those in vain too."""

    batches: int = 0
    bytes: int = 0


class TrafficTable:
    """The `traffic` table. Days are UTC, by the box's clock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def note(self, lane: Lane, batches: int, size: int, now_us: int) -> None:
        """Add to what was sent, inside the caller's transaction; days long past go."""
        day = now_us // DAY_US
        self._connection.execute(
            "INSERT INTO traffic (day, lane, batches, bytes) VALUES (?, ?, ?, ?) ON CONFLICT (day, lane) "
            "DO UPDATE SET batches = batches + excluded.batches, bytes = bytes + excluded.bytes",
            (day, lane, batches, size),
        )
        self._connection.execute("DELETE FROM traffic WHERE day < ?", (day - DAYS_KEPT,))

    def of_day(self, now_us: int) -> dict[Lane, Traffic]:
        """What each lane has sent on the day of this moment."""
        rows = self._connection.execute(
            "SELECT lane, batches, bytes FROM traffic WHERE day = ?", (now_us // DAY_US,)
        ).fetchall()
        sent = {Lane(lane): Traffic(batches, size) for lane, batches, size in rows}
        return {lane: sent.get(lane, Traffic()) for lane in Lane}
