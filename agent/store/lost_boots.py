"""Boots whose rows were lost to damage while what was numbered in them is still there.

Without a row of its own such a boot's readings would pass for those of the next run, which is given the same id.
"""

import sqlite3

from agent.store.record_table import RecordTable
from cloud_sync.wire import WindowRecord

_WITHOUT_ROW = (
    "SELECT boot_id FROM reading_block UNION SELECT boot_id FROM account UNION SELECT boot_id FROM window_reading "
    "UNION SELECT boot_id FROM gap UNION SELECT boot_id FROM clock_step EXCEPT SELECT id FROM boot"
)


def restore_boots(connection: sqlite3.Connection, now_us: int) -> None:
    """Give them rows again, under the names that windows tell, or else a name that no boot ever had."""
    for (boot_id,) in connection.execute(_WITHOUT_ROW).fetchall():
        name = _told_by_windows(connection, boot_id) or f"lost-{boot_id}.{now_us}"
        connection.execute(
            "INSERT INTO boot (id, name, opened_us, batches) VALUES (?, ?, coalesce((SELECT min(stored_us) "
            "FROM reading_block WHERE boot_id = ?1), ?3), 0)",
            (boot_id, name, now_us),
        )


def _told_by_windows(connection: sqlite3.Connection, boot_id: int) -> str | None:
    """What the windows that hold this boot's readings call it."""
    for record_id, first, last in connection.execute(
        "SELECT record_id, first, last FROM window_reading WHERE boot_id = ? ORDER BY id DESC", (boot_id,)
    ):
        for record in RecordTable(connection).of_ids([record_id]):
            for item in record.readings if isinstance(record, WindowRecord) else ():
                if (item.first, item.last) == (first, last):
                    return item.boot
    return None
