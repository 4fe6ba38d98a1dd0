"""Readings in the store: blocks written once, merged once they have been diagnosed, read by source time."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from statistics import median_low

import numpy as np

from agent.store.accounts import NumbersByBoot
from agent.store.block import Block, decode_block, encode_block
from agent.store.clock_ledger import Place
from agent.store.numbering import Run, decode_runs, encode_runs, joined
from agent.store.thinning import ThinningRule, thin
from edge_runtime.errors import StoreDamagedError
from edge_runtime.number_ranges import NumberRanges
from edge_runtime.quality import Quality, Reason, quality_of, reason_of
from edge_runtime.reading import Reading, Series

MERGE_READINGS = 65_536
"""Most readings of a merged block: a minute and a half of the rig's."""
MERGE_BLOCKS = 600
"""Blocks that are merged however few readings they have: ten minutes at one a second. Merging only once there are
so many readings or blocks writes every reading twice and no more, which wears the flash least."""
MERGE_LEFT_OVER = 16
"""Fewest blocks worth merging where a boot ended before it had as many."""


MERGE_WAIT_US = 3_600_000_000
"""Blocks wait for their diagnosis before they are merged and thinned, but no longer than this."""
_EVER_US = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Transients:
    """Where the block merged last ends, and up to when its transients keep readings whole."""

    boot_id: int
    next_counter: int
    held_until_us: int


_NOTHING_MERGED = _Transients(-1, -1, 0)


class ReadingTable:
    """The `reading_block` table. Writing methods run inside the caller's transaction.

    Attributes:
        damaged: ids of blocks that couldn't be decoded. They are skipped; the rest is read.
        stored_bytes: payload of the blocks appended so far.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._merged_to = 0
        self._transients = _NOTHING_MERGED
        self.damaged: set[int] = set()
        self.stored_bytes = 0

    def append(self, boot_id: int, first_counter: int, block: Block, runs: tuple[Run, ...], now_us: int) -> None:
        """Write one block, whose readings take the numbers from `first_counter` on."""
        size, payload = _encoded(block)
        self._connection.execute(
            "INSERT INTO reading_block (boot_id, first_counter, readings, first_time_us, last_time_us, stored_us, "
            "bytes, payload, numbers, runs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (boot_id, first_counter, *_described(block), now_us, size, payload, len(block), encode_runs(runs)),
        )
        self.stored_bytes += size

    def numbers(self) -> dict[int, NumberRanges]:
        """The numbers of all readings in the store, by boot."""
        return _numbers_of(
            self._connection.execute("SELECT boot_id, first_counter, numbers FROM reading_block WHERE numbers > 0")
        )

    def damaged_numbers(self) -> dict[int, NumberRanges]:
        """Those of the blocks that turned out to be damaged."""
        marks = ", ".join("?" * len(self.damaged))
        query = f"SELECT boot_id, first_counter, numbers FROM reading_block WHERE id IN ({marks})"  # noqa: S608
        return _numbers_of(self._connection.execute(query, tuple(self.damaged)))

    def runs(self, numbers: NumbersByBoot) -> Iterator[tuple[int, int, tuple[Run, ...]]]:
        """Boot, first number and runs of every block that holds one of these numbers."""
        for boot_id, asked in numbers.items():
            for first, last in asked:
                for block_id, first_counter, count, data in self._connection.execute(
                    "SELECT id, first_counter, numbers, runs FROM reading_block WHERE id IN (SELECT id FROM "
                    "reading_block WHERE boot_id = ? AND first_counter <= ? AND first_counter + numbers > ?)",
                    (boot_id, last, first),
                ):
                    try:
                        yield boot_id, first_counter, decode_runs(data, count)
                    except StoreDamagedError:
                        self.damaged.add(block_id)

    def newest_source_time(self) -> int | None:
        """The latest source time of all readings, None when there is none."""
        row = self._connection.execute("SELECT max(last_time_us) FROM reading_block").fetchone()
        return None if row[0] is None else int(row[0])

    def next_source_time(self, since_us: int) -> int | None:
        """No reading after `since_us` is earlier than this, or than that; None when there is none."""
        query = "SELECT min(first_time_us) FROM reading_block WHERE last_time_us >= ?"
        row = self._connection.execute(query, (since_us,)).fetchone()
        return None if row[0] is None else int(row[0])

    def newest_arrival(self) -> int:
        """When the newest block was stored, by the box's clock then; 0 when there is none."""
        row = self._connection.execute("SELECT stored_us FROM reading_block ORDER BY id DESC LIMIT 1").fetchone()
        return int(row[0]) if row else 0

    def spans(self, since_us: int) -> list[tuple[int, int]]:
        """First and last source time of every block that reaches to `since_us` or beyond."""
        return self._connection.execute(
            "SELECT first_time_us, last_time_us FROM reading_block WHERE last_time_us >= ?", (since_us,)
        ).fetchall()

    def series(self, start_us: int, end_us: int) -> dict[str, Series]:
        """Each sensor's readings with start_us <= source time < end_us; of equal times the one that came last."""
        parts: defaultdict[str, list[Series]] = defaultdict(list)
        for block in self._blocks(
            "WHERE last_time_us >= ? AND first_time_us < ? ORDER BY id",
            (start_us, end_us),
        ):
            for sensor, rows in block.by_sensor():
                parts[sensor].append(Series(block.times_us[rows], block.values[rows], block.statuses[rows]))
        joined = {
            sensor: Series.ordered(
                np.concatenate([item.times_us for item in items]),
                np.concatenate([item.values for item in items]),
                np.concatenate([item.statuses for item in items]),
            ).between(start_us, end_us)
            for sensor, items in parts.items()
        }
        return {sensor: series for sensor, series in joined.items() if len(series)}

    def latest(self, within_us: int) -> list[Reading]:
        """Each sensor's reading of the latest source time, of those stored within the last `within_us`.

        Those that are by more than that behind what is usual among the sensors are left out. A sensor whose clock runs
        ahead of all others leaves out nobody.
        """
        found: dict[str, Reading] = {}
        for block in self._blocks("WHERE stored_us >= ? ORDER BY id DESC", (self.newest_arrival() - within_us,)):
            for sensor, rows in block.by_sensor():
                last = rows.start + int(np.argmax(block.times_us[rows]))
                time_us = int(block.times_us[last])
                if sensor not in found or time_us > found[sensor].source_time_us:
                    found[sensor] = Reading(
                        sensor,
                        float(block.values[last]),
                        Quality(quality_of(block.statuses)[last]),
                        time_us,
                        int(block.received_us[last]),
                        Reason(reason_of(block.statuses)[last]),
                    )
        usual_us = median_low([one.source_time_us for one in found.values()]) if found else 0
        return [found[sensor] for sensor in sorted(found) if found[sensor].source_time_us >= usual_us - within_us]

    def merge(
        self,
        now_us: int,
        apart: Collection[Place] = (),
        thinning: ThinningRule | None = None,
        diagnosed_us: int | None = None,
    ) -> int:
        """Make one block of the oldest run of small ones that is long enough: a third of the room, far fewer rows.

        A run is of one boot and without a gap in its numbers, so that the merged block has one range of them. That
        stays the same where readings are thinned.

        Args:
            now_us: the box's clock.
            apart: readings on both sides of such a place stay apart.
            thinning: what is thinned, if anything is. Blocks then wait for their diagnosis, MERGE_WAIT_US at most.
            diagnosed_us: readings before this source time have been diagnosed; None when none have.

        Returns:
            The number of blocks merged; 0 when there is nothing worth merging.
        """
        wait = (diagnosed_us or 0, now_us - MERGE_WAIT_US) if thinning else (_EVER_US, _EVER_US)
        run = self._run(apart, *wait)
        if not run:
            return 0
        first, last = run[0], run[-1]
        blocks = list(self._blocks("WHERE id BETWEEN ? AND ? ORDER BY id", (first, last)))
        if len(blocks) != len(run):
            self._merged_to = last
            return len(run)  # what is damaged stays as it is, to be counted wherever it is read
        merged = Block.merged(blocks)
        try:
            numbers, runs = self._joined_runs(first, last)
        except StoreDamagedError:
            return len(run)
        if thinning:
            merged = self._thinned(thinning, merged, first, numbers, diagnosed_us or 0)
        self._connection.execute("DELETE FROM reading_block WHERE id > ? AND id <= ?", (first, last))
        self._connection.execute(
            "UPDATE reading_block SET readings = ?, first_time_us = ?, last_time_us = ?, stored_us = ?, bytes = ?, "
            "payload = ?, numbers = ?, runs = ? WHERE id = ?",
            (*_described(merged), now_us, *_encoded(merged), numbers, runs, first),
        )
        self._merged_to = first  # the ids after it are free now, and are given out again
        return len(run)

    def _joined_runs(self, first: int, last: int) -> tuple[int, bytes]:
        """How many numbers the blocks of these ids have together, and their runs.

        Raises:
            StoreDamagedError: a block's runs are damaged.
        """
        rows = self._connection.execute(
            "SELECT numbers, runs FROM reading_block WHERE id BETWEEN ? AND ? ORDER BY id", (first, last)
        ).fetchall()
        runs = joined(run for count, data in rows for run in decode_runs(data, count))
        return sum(row[0] for row in rows), encode_runs(runs)

    def _thinned(self, rule: ThinningRule, block: Block, block_id: int, numbers: int, diagnosed_us: int) -> Block:
        """Thin a merged block, in view of the transients of the one merged before it if it follows on that."""
        boot_id, first = self._connection.execute(
            "SELECT boot_id, first_counter FROM reading_block WHERE id = ?", (block_id,)
        ).fetchone()
        known = (boot_id, first) == (self._transients.boot_id, self._transients.next_counter)
        thinned = thin(rule, block, diagnosed_us, self._transients.held_until_us if known else None)
        self._transients = _Transients(boot_id, first + numbers, thinned.held_until_us)
        return thinned.block

    def _run(self, apart: Collection[Place], before_us: int, stored_before_us: int) -> list[int]:
        """Ids of the oldest blocks to be merged, none merged since the store was opened; none while there are few.

        Only blocks that end before `before_us` or were stored before `stored_before_us`.
        """
        run: list[int] = []
        boot, counter, total = -1, -1, 0
        for block_id, boot_id, first_counter, numbers in self._connection.execute(
            "SELECT id, boot_id, first_counter, numbers FROM reading_block WHERE id > ? "
            "AND (last_time_us < ? OR stored_us < ?) ORDER BY id",
            (self._merged_to, before_us, stored_before_us),
        ):
            full = total + numbers > MERGE_READINGS or len(run) == MERGE_BLOCKS
            if run and (full or boot_id != boot or first_counter != counter or Place(boot_id, first_counter) in apart):
                if len(run) >= (2 if full else MERGE_LEFT_OVER):
                    return run
                self._merged_to = run[-1]
                run, total = [], 0
            run.append(block_id)
            boot, counter, total = boot_id, first_counter + numbers, total + numbers
        return []

    def _blocks(self, condition: str, parameters: tuple[int, ...]) -> Iterator[Block]:
        """Decoded blocks; those that are damaged are noted and left out."""
        for block_id, payload in self._connection.execute(
            f"SELECT id, payload FROM reading_block {condition}",  # noqa: S608, every condition is in this file
            parameters,
        ):
            try:
                yield decode_block(payload)
            except StoreDamagedError:
                self.damaged.add(block_id)


def _described(block: Block) -> tuple[int, int, int]:
    return len(block), int(block.times_us.min()), int(block.times_us.max())


def _encoded(block: Block) -> tuple[int, bytes]:
    payload = encode_block(block)
    return len(payload), payload


def _numbers_of(rows: Iterable[tuple[int, int, int]]) -> dict[int, NumberRanges]:
    """Rows of boot, first number and how many."""
    ranges: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for boot_id, first, count in rows:
        ranges[boot_id].append((first, first + count - 1))
    return {boot_id: NumberRanges.of(found) for boot_id, found in ranges.items()}
