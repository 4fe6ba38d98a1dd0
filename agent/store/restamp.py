"""Stamps readings anew once the clock is known: a few blocks in a transaction, from the newest to the oldest.

Only what the box itself has stamped moves: the time of arrival, and with it the source time of readings whose source
has no clock. A source time that the source gave is never altered.
"""

import sqlite3
from dataclasses import replace

import numpy as np

from agent.store.block import Block, decode_block, encode_block
from agent.store.clock_ledger import ClockLedger, Place
from agent.store.numbering import WindowPlan, encode_runs, runs_of
from edge_runtime.errors import StoreDamagedError
from edge_runtime.quality import Quality, Reason, status

SLICE_READINGS = 200_000
"""Moved in one transaction, about: little enough not to hold up storing."""
SUSPECT_STATUS = status(Quality.UNCERTAIN, Reason.CLOCK)


def restamp(connection: sqlite3.Connection, ledger: ClockLedger, plan: WindowPlan) -> bool:
    """Move the next few blocks, inside the caller's transaction. False when there is nothing to move.

    What of their readings is in no window yet then belongs to the windows of `plan` that the right times are in.
    """
    task = ledger.restamping()
    if task is None:
        return False
    moved, left = 0, None
    for block_id, boot_id, counter, payload, numbers, runs in connection.execute(
        "SELECT id, boot_id, first_counter, payload, numbers, runs FROM reading_block "
        "WHERE (boot_id, first_counter) >= (?, ?) AND (boot_id, first_counter) < (?, ?) "
        "ORDER BY boot_id DESC, first_counter DESC",
        (task.begin.boot_id, task.begin.counter, task.left.boot_id, task.left.counter),
    ):
        try:
            block = shifted(decode_block(payload), task.shift_us)
        except StoreDamagedError:
            continue  # it is found and counted wherever it is read
        encoded = encode_block(block)
        if numbers == len(block):  # of a thinned one, which number each reading has can't be told any more
            runs = encode_runs(runs_of(block, plan))  # noqa: PLW2901
        connection.execute(
            "UPDATE reading_block SET first_time_us = ?, last_time_us = ?, stored_us = stored_us + ?, bytes = ?, "
            "payload = ?, runs = ? WHERE id = ?",
            (
                int(block.times_us.min()),
                int(block.times_us.max()),
                task.shift_us,
                len(encoded),
                encoded,
                runs,
                block_id,
            ),
        )
        moved += len(block)
        if moved >= SLICE_READINGS:
            left = Place(boot_id, counter)
            break
    ledger.restamped(task.entry, left, moved)
    return True


def shifted(block: Block, shift_us: int) -> Block:
    """The readings with the times that the box has stamped moved, and no longer marked for its clock."""
    arrived = block.times_us == block.received_us
    marked = arrived & (block.statuses == SUSPECT_STATUS)
    return replace(
        block,
        times_us=np.where(arrived, block.times_us + shift_us, block.times_us),
        received_us=block.received_us + shift_us,
        statuses=np.where(marked, np.uint8(0), block.statuses),
    )
