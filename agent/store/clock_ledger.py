"""The ledger of the clock: every start, every step, every change in how far the box's time could be trusted.

Readings lie in one order whatever the clock did: by boot and number. A row says from which place in that order on its
time was used, and where the *timeline* began that it belongs to: the readings stamped by one clock that ran evenly, or
brought onto that clock's time since. When the clock becomes known, the readings of its timeline are stamped anew, and
stay on it; `left` says as far as which place that is still to be done.
"""

import sqlite3
from dataclasses import dataclass

from edge_runtime.clock import ClockState
from edge_runtime.timeline import ClockStep, Timeline

MAX_ROWS = 10_000
_COLUMNS = (
    "monotonic_us, wall_us, before_us, after_us, state_before, state_after, boot.name, counter, kernel, restamped, "
    "left_counter IS NOT NULL"
)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the order of all readings: before number `counter` of a boot."""

    boot_id: int
    counter: int


@dataclass(frozen=True, slots=True)
class ClockEntry:
    """One row.

    Attributes:
        step: what happened; a start is a step by nothing.
        boot: the run of the agent in which it did.
        counter: readings of it with lower numbers were stamped before.
        kernel: names the time since the machine was switched on.
        restamped: readings whose times were moved by the step so far.
        restamping: whether there are more to come.
    """

    step: ClockStep
    boot: str
    counter: int
    kernel: str
    restamped: int
    restamping: bool


@dataclass(frozen=True, slots=True)
class Restamping:
    """Readings from `begin` up to `left` are to be moved by `shift_us`. `entry`: the row's id."""

    entry: int
    begin: Place
    left: Place
    shift_us: int


@dataclass(frozen=True, slots=True)
class Correction:
    """What was stamped on a timeline before a step is wrong by the step's shift.

    Attributes:
        first_boot_id: nothing of earlier boots was stamped on it.
        last_boot_id: nor of later ones, before the step.
        since_us: when it began, by its own time.
        shift_us: what all of its times are to be moved by.
    """

    first_boot_id: int
    last_boot_id: int
    since_us: int
    shift_us: int


class ClockLedger:
    """The `clock_step` table. Writing methods run inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def start(self, step: ClockStep, place: Place, kernel: str) -> int:
        """Note how a run of the agent begins: on the timeline of the last one, unless the machine was switched off.

        Returns:
            The row's number.
        """
        return self._note(step, place, kernel, self._timeline(step, place, kernel))

    def note(self, step: ClockStep, place: Place) -> int:
        """Note a step of the present run; the row's number."""
        row = self._connection.execute("SELECT kernel FROM clock_step ORDER BY id DESC LIMIT 1").fetchone()
        kernel = str(row[0]) if row else ""
        return self._note(step, place, kernel, self._timeline(step, place, kernel))

    def correction(self, number: int, last_boot_id: int) -> Correction | None:
        """What the step of this row corrects, up to some boot; None when that isn't known any more."""
        row = self._connection.execute(
            "SELECT iif(step.state_before = 'suspect', 0, begin.boot_id), begin.after_us, step.after_us - "
            "step.before_us FROM clock_step AS step JOIN clock_step AS begin "
            "ON (begin.boot_id, begin.counter) = (step.from_boot_id, step.from_counter) WHERE step.id = ? "
            "ORDER BY begin.id LIMIT 1",
            (number,),
        ).fetchone()
        # A suspect clock goes on after all that was ever stamped: there the times tell by themselves.
        return Correction(row[0], last_boot_id, row[1], row[2]) if row else None

    def latest(self, kernel: str) -> Timeline | None:
        """The box's time as it was last set since the machine was switched on; None if it wasn't."""
        row = self._connection.execute(
            "SELECT kernel, after_us - monotonic_us, state_after FROM clock_step ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return Timeline(int(row[1]), ClockState(row[2])) if row and kernel and row[0] == kernel else None

    def entries(self) -> list[ClockEntry]:
        """Every row, the latest first."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM clock_step JOIN boot ON boot.id = boot_id ORDER BY clock_step.id DESC"  # noqa: S608
        )
        return [
            ClockEntry(
                ClockStep(monotonic_us, wall_us, before_us, after_us, ClockState(before), ClockState(after)), *others
            )
            for monotonic_us, wall_us, before_us, after_us, before, after, *others in rows
        ]

    def places(self) -> set[Place]:
        """Where the clock was set: readings on both sides of such a place are never merged."""
        return {Place(*row) for row in self._connection.execute("SELECT boot_id, counter FROM clock_step")}

    def restamping(self) -> Restamping | None:
        """What is to be stamped anew, the earliest step first; None when nothing is."""
        row = self._connection.execute(
            "SELECT id, from_boot_id, from_counter, left_boot_id, left_counter, after_us - before_us FROM clock_step "
            "WHERE left_counter IS NOT NULL ORDER BY id LIMIT 1"
        ).fetchone()
        return Restamping(row[0], Place(row[1], row[2]), Place(row[3], row[4]), row[5]) if row else None

    def restamped(self, entry: int, left: Place | None, readings: int) -> None:
        """So many more readings have been moved, down to `left`; None when none is left."""
        self._connection.execute(
            "UPDATE clock_step SET left_boot_id = ?, left_counter = ?, restamped = restamped + ? WHERE id = ?",
            (left and left.boot_id, left and left.counter, readings, entry),
        )

    def _timeline(self, step: ClockStep, place: Place, kernel: str) -> Place:
        """Where the timeline begins that is used from `place` on."""
        row = self._connection.execute(
            "SELECT kernel, from_boot_id, from_counter FROM clock_step ORDER BY id DESC LIMIT 1"
        ).fetchone()
        evenly = step.shift_us == 0 and step.state_before is step.state_after
        goes_on = row and kernel and row[0] == kernel and (evenly or step.trusted_more)
        return Place(row[1], row[2]) if goes_on else place

    def _note(self, step: ClockStep, place: Place, kernel: str, begin: Place) -> int:
        left = place if step.corrects and begin < place else None
        number = self._connection.execute(
            "INSERT INTO clock_step (boot_id, counter, kernel, monotonic_us, wall_us, before_us, after_us, "
            "state_before, state_after, from_boot_id, from_counter, left_boot_id, left_counter, restamped) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (
                *(place.boot_id, place.counter, kernel, step.monotonic_us, step.wall_us, step.before_us, step.after_us),
                *(step.state_before, step.state_after, begin.boot_id, begin.counter),
                *(left and left.boot_id, left and left.counter),
            ),
        ).lastrowid
        assert number is not None  # noqa: S101  SQLite gives one for every row
        self._connection.execute(
            "DELETE FROM clock_step WHERE id <= (SELECT max(id) FROM clock_step) - ? AND left_counter IS NULL",
            (MAX_ROWS,),
        )
        return number
