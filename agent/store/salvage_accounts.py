"""Makes the tables of a salvaged file agree with each other again, and accounts for what is missing."""

import sqlite3
from collections.abc import Mapping

from agent.store.accounts import AccountTable, Fate
from agent.store.losses import Cause, Loss, LossLedger
from agent.store.lost_boots import restore_boots
from agent.store.readings import ReadingTable
from agent.store.record_table import RecordTable
from agent.store.records import RecordClass
from edge_runtime.number_ranges import NumberRanges


def settle(target: sqlite3.Connection, lost: Mapping[str, int], finding: str, now_us: int) -> int:
    """Make the tables agree with each other again, and account for what is missing.

    Args:
        target: the new file, with every row that was whole.
        lost: by table, how many weren't.
        finding: what was wrong with the old file, for the ledger of losses.
        now_us: when this is.

    Returns:
        Readings lost.
    """
    restore_boots(target, now_us)
    _account_for_damage(target)
    target.execute("DELETE FROM outbox WHERE record_id NOT IN (SELECT id FROM record)")
    target.execute("DELETE FROM publication WHERE record_id NOT IN (SELECT id FROM record)")
    # Batches may have lost records: all are sealed anew. The centre ignores what it has.
    target.execute("UPDATE outbox SET batch_id = NULL")
    target.execute("DELETE FROM batch")
    if lost["outbox"]:
        target.execute(
            "INSERT OR IGNORE INTO outbox (record_class, record_id, raw_bytes, lane) "
            "SELECT record_class, id, raw_bytes, "
            "CASE record_class WHEN 'window' THEN 'backlog' WHEN 'alert' THEN 'alert' ELSE 'diagnosis' END "
            "FROM record ORDER BY id"
        )
    if lost["progress"]:
        newest = RecordTable(target).windows(1)
        target.executemany(
            "INSERT OR REPLACE INTO progress (id, next_window_start_us) VALUES (1, ?)",
            [(window.end_us,) for window in newest],
        )
    lost_readings = max(_missing_numbers(target), lost["reading_block"])
    ledger = LossLedger(target)
    for record_class, count, what in (
        (RecordClass.READING, lost_readings, "readings"),
        (RecordClass.WINDOW, lost["record"], "windows, diagnoses, alerts, gaps or clock steps"),
    ):
        if count:
            ledger.note(Loss(record_class, Cause.DAMAGE, count, 0, 0, 0, 0, now_us, f"{what}: {finding}"))
    return lost_readings


def _missing_numbers(target: sqlite3.Connection) -> int:
    """Gaps in the numbers of readings, boot by boot."""
    missing = 0
    boot, expected = None, 0
    for boot_id, first_counter, readings in target.execute(
        "SELECT boot_id, first_counter, numbers FROM reading_block ORDER BY boot_id, first_counter"
    ):
        if boot_id == boot:
            missing += max(first_counter - expected, 0)
        boot, expected = boot_id, first_counter + readings
    return missing


def _account_for_damage(target: sqlite3.Connection) -> None:
    """Windows lost before they were sent, and readings lost before they were in a window, as far as can be known."""
    accounts = AccountTable(target)
    lost = target.execute("SELECT record_id FROM outbox WHERE record_id NOT IN (SELECT id FROM record)").fetchall()
    accounts.lose_windows([row[0] for row in lost], Fate.DAMAGED)
    target.execute("DELETE FROM window_reading WHERE record_id NOT IN (SELECT id FROM record)")
    in_blocks = ReadingTable(target).numbers()
    for (boot_id,) in target.execute("SELECT id FROM boot").fetchall():
        gone = NumberRanges.below(accounts.next_number(boot_id)) - in_blocks.get(boot_id, NumberRanges())
        if gone:
            accounts.add(Fate.DAMAGED, accounts.unaccounted({boot_id: gone}))
