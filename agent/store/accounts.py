"""What became of every reading, by number: the box's side of the reconciliation with the centre.

A reading is in a window, or it isn't for a reason, or it lies in a block that no window was cut from yet. The first two
are in the `account` table, as ranges that neighbours join, so that they outlive the readings at next to no cost.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge_runtime.number_ranges import NumberRanges

NumbersByBoot = Mapping[int, NumberRanges]
"""Numbers of readings by the id of their boot."""


class Fate(StrEnum):
    """What became of a reading. The values are in files: never change one."""

    WINDOW = "in a window"
    LATE = "late"
    """Stored when its window was closed already."""
    SKIPPED = "skipped"
    """Its window was left out: it had nothing to diagnose, or the model failed on it."""
    SHED = "shed"
    """Shed for want of room before its window was diagnosed."""
    DAMAGED = "damaged"
    """Lost to damage of the file before its window was at the centre."""
    UNKNOWN_SENSOR = "unknown sensor"
    """Of a sensor that the machine file doesn't have."""
    UNSENT = "window shed"
    """In a window that was shed for want of room before the centre had it."""
    REFUSED = "window refused"
    """In a window that the centre refused."""
    EARLIER = "not counted"
    """Stored by a version of the agent that didn't keep account of single readings."""


@dataclass(frozen=True, slots=True)
class BootAccount:
    """What the box knows of the readings of one boot.

    Attributes:
        boot: its name.
        opened_us: when it began, by the box's clock.
        read: readings numbered in it so far: 0 … read − 1.
        undiagnosed: numbers in blocks, in no window yet.
        unsent: numbers in windows that the centre hasn't acknowledged.
        fates: what became of all others, and of those in windows.
    """

    boot: str
    opened_us: int
    read: int
    undiagnosed: NumberRanges
    unsent: NumberRanges
    fates: Mapping[Fate, NumberRanges]


class AccountTable:
    """The `account` and `window_reading` tables. Writing methods run inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, fate: Fate, numbers: NumbersByBoot) -> None:
        """Note what became of these numbers, of which nothing was noted before."""
        for boot_id, added in numbers.items():
            for first, last in added:
                touching = self._connection.execute(
                    "DELETE FROM account WHERE boot_id = ? AND fate = ? AND last >= ? AND first <= ? "
                    "RETURNING first, last",
                    (boot_id, fate, first - 1, last + 1),
                ).fetchall()
                for row in NumberRanges.of([*touching, (first, last)]):
                    self._connection.execute(
                        "INSERT INTO account (boot_id, fate, first, last) VALUES (?, ?, ?, ?)", (boot_id, fate, *row)
                    )

    def add_window(self, record_id: int, numbers: NumbersByBoot) -> None:
        """These numbers are in the window of this record."""
        self.add(Fate.WINDOW, numbers)
        self._connection.executemany(
            "INSERT INTO window_reading (record_id, boot_id, first, last) VALUES (?, ?, ?, ?)",
            [(record_id, boot_id, *row) for boot_id, ranges in numbers.items() for row in ranges],
        )

    def lose_windows(self, record_ids: Collection[int], fate: Fate) -> None:
        """The centre will not have the windows among these records."""
        numbers = _by_boot(row for record_id in record_ids for row in self._window(record_id))
        for boot_id, lost in numbers.items():
            held = self.of_boot(boot_id).get(Fate.WINDOW, NumberRanges())
            self._connection.execute("DELETE FROM account WHERE boot_id = ? AND fate = ?", (boot_id, Fate.WINDOW))
            self.add(Fate.WINDOW, {boot_id: held - lost})
            self.add(fate, {boot_id: held & lost})

    def forget_windows(self, record_ids: Collection[int]) -> None:
        """These records leave the store; what became of the readings in them stays known."""
        self._connection.executemany("DELETE FROM window_reading WHERE record_id = ?", [(one,) for one in record_ids])

    def of_boot(self, boot_id: int) -> dict[Fate, NumberRanges]:
        """What became of this boot's readings, as far as anything did."""
        found: dict[Fate, list[tuple[int, int]]] = {}
        for fate, first, last in self._connection.execute(
            "SELECT fate, first, last FROM account WHERE boot_id = ? ORDER BY first", (boot_id,)
        ):
            found.setdefault(Fate(fate), []).append((first, last))
        return {fate: NumberRanges.of(rows) for fate, rows in found.items()}

    def unaccounted(self, numbers: NumbersByBoot) -> dict[int, NumberRanges]:
        """Those of the numbers of which nothing is noted."""
        left = {}
        for boot_id, asked in numbers.items():
            low, high = asked.ranges[0][0], asked.ranges[-1][1]
            noted = self._connection.execute(
                "SELECT first, last FROM account WHERE boot_id = ? AND last >= ? AND first <= ?", (boot_id, low, high)
            )
            if rest := asked - NumberRanges.of(noted):
                left[boot_id] = rest
        return left

    def next_number(self, boot_id: int) -> int:
        """The number after the last one given out in this boot."""
        row = self._connection.execute(
            "SELECT max(coalesce((SELECT max(first_counter + numbers) FROM reading_block WHERE boot_id = ?1), 0), "
            "coalesce((SELECT max(last) + 1 FROM account WHERE boot_id = ?1), 0))",
            (boot_id,),
        ).fetchone()
        return int(row[0])

    def boots(self) -> list[BootAccount]:
        """Every boot that has read anything, the oldest first. To be called within a transaction, for one moment."""
        in_blocks = _by_boot(
            (boot_id, first, first + numbers - 1)
            for boot_id, first, numbers in self._connection.execute(
                "SELECT boot_id, first_counter, numbers FROM reading_block WHERE numbers > 0"
            )
        )
        waiting = "SELECT boot_id, first, last FROM window_reading JOIN outbox USING (record_id) WHERE refused_us IS "
        unsent = _by_boot(self._connection.execute(waiting + "NULL").fetchall())
        set_aside = _by_boot(self._connection.execute(waiting + "NOT NULL").fetchall())
        undiagnosed = self.unaccounted(in_blocks)
        return [
            BootAccount(
                name,
                opened_us,
                read,
                undiagnosed.get(boot_id, NumberRanges()),
                unsent.get(boot_id, NumberRanges()),
                _with(self.of_boot(boot_id), Fate.REFUSED, set_aside.get(boot_id)),
            )
            for boot_id, name, opened_us in self._connection.execute(
                "SELECT id, name, opened_us FROM boot ORDER BY id"
            ).fetchall()
            if (read := self.next_number(boot_id))
        ]

    def windows_of(self, boot: str, numbers: NumberRanges) -> list[int]:
        """Ids of the records of windows that hold any of these numbers."""
        found: set[int] = set()
        for first, last in numbers:
            found.update(
                row[0]
                for row in self._connection.execute(
                    "SELECT record_id FROM window_reading WHERE boot_id = (SELECT id FROM boot WHERE name = ?) "
                    "AND last >= ? AND first <= ?",
                    (boot, first, last),
                )
            )
        return sorted(found)

    def _window(self, record_id: int) -> list[tuple[int, int, int]]:
        return self._connection.execute(
            "SELECT boot_id, first, last FROM window_reading WHERE record_id = ?", (record_id,)
        ).fetchall()


def _with(fates: dict[Fate, NumberRanges], fate: Fate, numbers: NumberRanges | None) -> dict[Fate, NumberRanges]:
    return {**fates, fate: fates.get(fate, NumberRanges()) | numbers} if numbers else fates


def _by_boot(rows: Iterable[tuple[int, int, int]]) -> dict[int, NumberRanges]:
    """Rows of boot, first and last number."""
    ranges: dict[int, list[tuple[int, int]]] = {}
    for boot_id, first, last in rows:
        ranges.setdefault(boot_id, []).append((first, last))
    return {boot_id: NumberRanges.of(rows) for boot_id, rows in ranges.items()}
