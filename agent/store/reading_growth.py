"""How fast the store grows by readings: as many as there are in a day, at what they cost once they are merged.

A reading costs several times as much in the small block that it is written in as in the large one that takes the place
of many (see `ReadingTable.merge`), and far less when it is thinned there. Nearly all that is held is merged.
"""

import sqlite3

from agent.store.losses import DAY_US

_MIN_SPAN_US = 60_000_000
_LATEST_MERGED = 1000
"""Blocks whose cost is looked at: a day of the rig's."""


def reading_growth(connection: sqlite3.Connection, now_us: int) -> float:
    """Bytes a day, from what was stored within the last day; 0 until a minute's worth is there. Reads no payloads."""
    rows = connection.execute(
        "SELECT stored_us, numbers, bytes FROM reading_block WHERE stored_us BETWEEN ? AND ? ORDER BY id",
        (now_us - DAY_US, now_us),
    ).fetchall()
    if not rows or now_us - rows[0][0] < _MIN_SPAN_US:
        return 0.0
    # A merged block was stored anew once its last reading was there. So each but the first, of which nobody knows how
    # long it took, holds what was read since the one before it was stored.
    numbers = sum(row[1] for row in rows[1:])
    size = sum(row[2] for row in rows)
    cost = _merged_cost(connection) or size / sum(row[1] for row in rows)
    return float(cost * numbers * DAY_US / (now_us - rows[0][0]))


def _merged_cost(connection: sqlite3.Connection) -> float | None:
    """Bytes for each reading that was read, in the blocks merged last; None when none was.

    A merged block has the id of the first that it was made of; those of the others stay free.
    """
    size, numbers = connection.execute(
        "SELECT sum(bytes), sum(numbers) FROM (SELECT bytes, numbers FROM ("
        "SELECT id, bytes, numbers, lead(id) OVER (ORDER BY id) AS next_id FROM reading_block) "
        "WHERE next_id > id + 1 ORDER BY id DESC LIMIT ?)",
        (_LATEST_MERGED,),
    ).fetchone()
    return size / numbers if numbers else None
