"""What the store is measured against: a plain SQLite table with a row for each reading."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from edge_runtime.reading import Reading


class PlainTable:
    """The plain way: one table, one index, one transaction a batch."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(
            "CREATE TABLE reading (sensor TEXT, time INTEGER, received INTEGER, value REAL, quality INTEGER)"
        )
        self._connection.execute("CREATE INDEX reading_time ON reading (time)")

    def append(self, batch: Sequence[Reading]) -> None:
        """Store a batch, durably."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            "INSERT INTO reading VALUES (?, ?, ?, ?, ?)",
            [(item.sensor, item.source_time_us, item.received_time_us, item.value, item.quality) for item in batch],
        )
        self._connection.execute("COMMIT")

    def prune(self) -> None:
        """There is nothing to merge."""

    def series(self, start_us: int, end_us: int) -> list[tuple[str, int, float, int]]:
        """What was measured in an interval, by sensor."""
        query = "SELECT sensor, time, value, quality FROM reading WHERE time >= ? AND time < ? ORDER BY sensor, time"
        return self._connection.execute(query, (start_us, end_us)).fetchall()

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()
