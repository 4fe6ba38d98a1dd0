"""The file's one writer: opens and mends it, commits, makes room for what is to be written, and tidies up."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from sqlite3 import Connection
from typing import Self, TypeVar

from agent.store.connection import store_errors, transaction
from agent.store.gaps import Gap
from agent.store.lock import WriterLock
from agent.store.losses import Cause
from agent.store.numbering import MINUTES
from agent.store.open_readings import OpenReadings
from agent.store.reader import StoreReader, box_clock_us
from agent.store.records import (
    RECORD_CLASSES,
    Record,
    gap_record,
)
from agent.store.reserve import Reserve
from agent.store.restamp import restamp
from agent.store.retention import (
    EVERYTHING,
    FREE_TO_GO,
    Retention,
    Shedder,
    Stage,
    used_bytes,
)
from agent.store.salvage import Salvage, open_sound
from agent.store.thinning import ThinningRule
from agent.store.wear import WriteMeter
from edge_runtime.errors import StoreFullError
from edge_runtime.number_ranges import NumberRanges

T = TypeVar("T")
PRUNE_STEPS = 16
"""Most transactions of one `prune`, so that it never holds up storing for long."""
RESTAMP_STEPS = 8
_VACUUM_PAGES = 4096


class StoreWriter(StoreReader):
    """What writing to the store stands on; `agent.store.store.Store` says what is written.

    Attributes:
        boot: under which readings and batches are numbered.
        plan: how windows will be cut from the readings; to be set before any is stored.
        salvage: what was done about a damaged file when this store was opened, or reopened; None when it was sound.
    """

    def __init__(
        self,
        connection: Connection,
        path: Path,
        boot: str,
        lock: WriterLock,
        salvage: Salvage | None,
        retention: Retention,
        now_us: Callable[[], int],
        machine: str | None,
    ) -> None:
        self._name = boot
        self._machine = machine
        self.plan = MINUTES
        self._lock = lock
        self._reserve = Reserve(path)
        self._meter = WriteMeter()
        self._thinning: ThinningRule | None = None
        self._times_held = False
        super().__init__(connection, path, retention, now_us)
        self._reserve.hold()
        self._begin(salvage)

    def _use(self, connection: Connection) -> None:
        super()._use(connection)
        self._shedder = Shedder(connection, self._outbox, self._ledger, self._accounts)
        self._metered_bytes = 0

    def _begin(self, salvage: Salvage | None) -> None:
        """Number readings and batches from here on."""
        self.salvage = salvage
        # The last numbers given out may be among what was lost: begin anew under another name.
        self.boot = f"{self._name}.{self._now_us()}" if salvage else self._name
        self._boot_id = 0
        self._write(self._note_boot, FREE_TO_GO)
        self._counter = self._accounts.next_number(self._boot_id)
        self._open = self._found_open()

    @classmethod
    def open(
        cls,
        path: Path,
        boot: str,
        *,
        retention: Retention | None = None,
        now_us: Callable[[], int] = box_clock_us,
        machine: str | None = None,
    ) -> Self:
        """Open the store for writing, making it if there is none; a damaged file is set aside and salvaged.

        Args:
            path: the file; others with longer names lie beside it.
            boot: names this run of the agent. Never the same for two: the centre tells batches apart by it.
            retention: how much room the store may take.
            now_us: the box's clock.
            machine: under whose name the centre gets the ledgers of gaps and of the clock; None keeps them here.

        Raises:
            StoreError: another process writes to it, the folder can't be written to, or a newer agent made it.
        """
        with store_errors(path), ExitStack() as undo:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = WriterLock(path)
            undo.callback(lock.release)
            Reserve(path).release()  # SQLite needs some room to open in
            connection, salvage = open_sound(path, now_us())
            undo.callback(connection.close)
            store = cls(connection, path, boot, lock, salvage, retention or Retention(), now_us, machine)
            undo.pop_all()
            return store

    def reopen(self) -> Salvage | None:
        """Open the file again after a StoreDamagedError, without letting another writer in.

        What is damaged is set aside and salvaged, as when a store is opened; numbers then begin anew under another
        boot. Nothing that a method had refused was stored: give it again.

        Returns:
            What was done; None when the file turned out to be sound.

        Raises:
            StoreError: that can't be done now. The store can't be used until it is reopened.
        """
        with store_errors(self._path):
            self._connection.close()
            self._reserve.release()
            connection, salvage = open_sound(self._path, self._now_us())
        self._name = self.boot
        self._use(connection)
        self._reserve.hold()
        self._begin(salvage)
        return salvage

    def keep_within(self, retention: Retention) -> None:
        """Other limits count from the next `prune` on."""
        self._retention = retention

    def thin_by(self, rule: ThinningRule | None) -> None:
        """Thin readings at rest when they are merged from now on; None keeps all of them."""
        self._thinning = rule

    def hold_times(self, held: bool) -> None:
        """Whether stamping anew has to wait: there are windows still to be cut from readings as they are stamped."""
        self._times_held = held

    def prune(self) -> int:
        """Tidy up and keep within the retention, as far as a few short transactions go.

        Tidying up: stamp readings anew, merge small blocks, note what was written.

        Call it now and then, such as every minute.

        Returns:
            Bytes shed.
        """
        with suppress(StoreFullError):  # all that can wait
            if not self._times_held:
                self._restamp()
            self._commit(self._tidy)
        shed = 0
        for _ in range(PRUNE_STEPS):
            with store_errors(self._path):
                over = used_bytes(self._connection) > self._retention.max_bytes
                low = shutil.disk_usage(self._path.parent).free < self._retention.min_free_bytes
                if low and self._shrink():
                    continue
            if not over and not low:
                break
            freed = self._shed(EVERYTHING, Cause.SIZE_LIMIT) if over else self._shed(FREE_TO_GO, Cause.LOW_DISK)
            if not freed:
                break
            shed += freed
        self._reserve.hold()
        return shed

    def close(self) -> None:
        """Let the file and the lock go."""
        super().close()
        self._lock.release()

    def _counted(self) -> int:
        return self._counter

    def _restamp(self) -> None:
        """Give readings their right times, some at a time."""
        for _ in range(RESTAMP_STEPS):
            if not self._commit(lambda: restamp(self._connection, self._clock_ledger, self.plan)):
                return
            self._open = self._found_open()

    def _correct_gaps(self, number: int, last_boot_id: int) -> None:
        """Gaps are few: unlike readings, they get their right times at once, and go to the centre again with them."""
        if correction := self._clock_ledger.correction(number, last_boot_id):
            for gap in self._gaps.correct(correction):
                self._queue_gap(gap, anew=True)

    def _queue_gap(self, gap: Gap, *, anew: bool = False) -> None:
        """Queue a gap that is over; `anew` in place of what was queued about it before."""
        boot = self._gaps.boot_of(gap.number)
        if not self._machine or not boot or gap.ended_us is None:
            return
        record = gap_record(self._machine, boot, gap, gap.ended_us)
        if anew and (former := self._records.id_of(record)) is not None:
            self._outbox.withdraw([former])
            self._records.remove(former)
        self._queue(record)

    def _note_boot(self) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO boot (name, opened_us, batches) VALUES (?, ?, 0)", (self.boot, self._now_us())
        )
        row = self._connection.execute("SELECT id FROM boot WHERE name = ?", (self.boot,)).fetchone()
        self._boot_id = int(row[0])

    def _tidy(self) -> None:
        if self._clock_ledger.restamping() is None:
            places = self._clock_ledger.places()
            self._readings.merge(self._now_us(), places, self._thinning, self.next_window_start())
        payload_bytes = self._readings.stored_bytes + self._records.stored_bytes
        if lap := self._meter.lap():
            self._wear.note(self._now_us(), *lap, payload_bytes - self._metered_bytes)
        self._metered_bytes = payload_bytes

    def _queue(self, record: Record) -> int | None:
        """Store a record and queue it for the centre; the row's id, None when it is there already."""
        added = self._records.add(record, self._now_us())
        if added is None:
            return None
        self._outbox.add(RECORD_CLASSES[type(record)], *added)
        return added[0]

    def _found_open(self) -> OpenReadings:
        """Readings in blocks that nothing is noted about."""
        found = OpenReadings()
        in_blocks = self._readings.numbers()
        unaccounted = self._accounts.unaccounted(in_blocks)
        for boot_id, first, runs in self._readings.runs(unaccounted):
            found.add(boot_id, first, runs)
        found.forget(
            {boot_id: numbers - unaccounted.get(boot_id, NumberRanges()) for boot_id, numbers in in_blocks.items()}
        )
        return found

    def _write(self, write: Callable[[], T], may_shed: tuple[Stage, ...]) -> T:
        """Commit `write`; on a full disk shed something, by class, and try once more."""
        try:
            return self._commit(write)
        except StoreFullError:
            self._reserve.release()
            try:
                self._checkpoint()
                self._shed(may_shed, Cause.DISK_FULL)
                self._checkpoint()
                return self._commit(write)
            finally:
                self._reserve.hold()

    def _commit(self, write: Callable[[], T]) -> T:
        with store_errors(self._path), transaction(self._connection):
            return write()

    def _shed(self, stages: tuple[Stage, ...], cause: Cause) -> int:
        shed = self._commit(lambda: self._shedder.shed(stages, cause, self._now_us()))
        self._open.forget(shed.undiagnosed)
        return shed.bytes

    def _checkpoint(self, mode: str = "PASSIVE") -> None:
        """Bring the log's pages into the file, so that the log's room can be used again."""
        with suppress(StoreFullError), store_errors(self._path):
            self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()

    def _shrink(self) -> bool:
        """Give freed pages back to the disk. False when there are none."""
        if not self._connection.execute("PRAGMA freelist_count").fetchone()[0]:
            return False
        # Not `execute`: it takes one step where this pragma needs one for every page.
        self._connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
        self._checkpoint("TRUNCATE")
        return True
