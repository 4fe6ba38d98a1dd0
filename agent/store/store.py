"""The store as the agent uses it: the one writer. See the package's own text for what its files hold."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Self, TypeVar

from agent.store.accounts import Fate, NumbersByBoot
from agent.store.block import Block
from agent.store.clock_ledger import Place
from agent.store.connection import store_errors, transaction
from agent.store.gaps import Gap, GapCause
from agent.store.lock import WriterLock
from agent.store.losses import Cause
from agent.store.numbering import MINUTES, runs_of
from agent.store.open_readings import OpenReadings
from agent.store.outbox import MAX_RAW_BYTES
from agent.store.reader import StoreReader, box_clock_us
from agent.store.records import (
    RECORD_CLASSES,
    Record,
    alert_record,
    clock_step_record,
    diagnosis_record,
    gap_record,
    window_record,
)
from agent.store.reserve import Reserve
from agent.store.restamp import restamp
from agent.store.retention import (
    EVERYTHING,
    FOR_DIAGNOSES,
    FOR_READINGS,
    FREE_TO_GO,
    Retention,
    Shedder,
    Stage,
    used_bytes,
)
from agent.store.salvage import Salvage, open_sound
from agent.store.thinning import ThinningRule
from agent.store.wear import WriteMeter
from cloud_sync.edge.lane import EVERY_LANE, Lane
from cloud_sync.edge.sealed_batch import SealedBatch
from cloud_sync.wire import ReadingRange
from edge_runtime.alert import Alert
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import StoreFullError
from edge_runtime.number_ranges import NumberRanges
from edge_runtime.reading import Reading
from edge_runtime.timeline import ClockStep, Timeline
from edge_runtime.window import Window

T = TypeVar("T")
PRUNE_STEPS = 16
"""Most transactions of one `prune`, so that it never holds up storing for long."""
RESTAMP_STEPS = 8
_VACUUM_PAGES = 4096
_EVER_US = -(2**63)


class Store(StoreReader):
    """Readings, windows, diagnoses, alerts and the outbox in one file.

    What a writing method has returned from is on the disk: it survives the loss of power. On a full disk room is made
    by shedding (see retention.py) and the write is tried again once; StoreFullError means that nothing of it was
    stored, and that it may be given again. Every method raises StoreError when the file can't be used.

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

    def earlier_time(self, kernel: str) -> tuple[Timeline | None, int]:
        """The box's time as an earlier run of the agent left it, and the latest moment that it has stamped.

        Args:
            kernel: names the time since the machine was switched on; an earlier run's clock goes on only within it.
        """
        with store_errors(self._path):
            return self._clock_ledger.latest(kernel), self._readings.newest_arrival()

    def start_clock(self, step: ClockStep, kernel: str) -> None:
        """Write down how this run's time begins. Before the first reading."""

        def write() -> None:
            number = self._clock_ledger.start(step, Place(self._boot_id, self._counter), kernel)
            self._queue_step(number, step, self._counter)
            if step.corrects:
                self._correct_gaps(number, self._boot_id - 1)

        self._write(write, FREE_TO_GO)

    def note_absence(self, kernel: str) -> None:
        """Write down since when no agent has run, and why. Before `start_clock`."""
        with store_errors(self._path):
            last_us = self._readings.newest_arrival()
            before = self._connection.execute(
                "SELECT stopped_us FROM boot WHERE id < ? ORDER BY id DESC LIMIT 1", (self._boot_id,)
            ).fetchone()
            same = self._clock_ledger.latest(kernel) is not None
        if before is None or not last_us:
            return
        cause = GapCause.STOPPED if before[0] is not None else GapCause.KILLED if same else GapCause.POWER_LOST
        gap = Gap(self.next_gap_number(), cause, "", (), last_us, max(self._now_us(), last_us))
        self.note_gaps((gap,))

    def note_gaps(self, gaps: Sequence[Gap]) -> None:
        """Write gaps down, as they are now; those that are over are queued for the centre."""

        def write() -> None:
            self._gaps.note(gaps, self._boot_id)
            for gap in gaps:
                self._queue_gap(gap)

        self._write(write, FREE_TO_GO)

    def stopped(self) -> None:
        """This run ends in order."""
        row = (self._now_us(), self._boot_id)
        self._write(lambda: self._connection.execute("UPDATE boot SET stopped_us = ? WHERE id = ?", row), FREE_TO_GO)

    def append(self, readings: Sequence[Reading], step_after: ClockStep | None = None) -> None:
        """Store readings, all or none of them. They are numbered without a gap in this boot.

        `step_after`: the box's clock was set after them and before the next ones.
        """
        if readings:
            self.append_block(Block.of(readings), step_after)
        elif step_after:
            self._write(lambda: self._note_step(step_after, self._counter), FREE_TO_GO)

    def append_block(self, block: Block, step_after: ClockStep | None = None) -> None:
        """Store the readings of a block, all or none of them. They are numbered without a gap, see numbering.py.

        Args:
            block: not empty.
            step_after: the box's clock was set after them and before the next ones.
        """
        runs = runs_of(block, self.plan)

        def write() -> None:
            self._readings.append(self._boot_id, self._counter, block, runs, self._now_us())
            if step_after:
                self._note_step(step_after, self._counter + len(block))

        self._write(write, FOR_READINGS)
        self._open.add(self._boot_id, self._counter, runs)
        self._counter += len(block)

    def record(self, window: Window, diagnosis: Diagnosis, alerts: Sequence[Alert]) -> None:
        """Store what one window came to, queue it for the centre and the broker, and go on to the next window.

        One transaction, in which the readings of this window and of those before it are accounted for. What is stored
        already is left as it is.
        """

        def write() -> list[NumbersByBoot]:
            closing = self._open.closing(window.start_us, window.end_us)
            inside, damaged = self._whole(closing.inside)
            if row_id := self._queue(window_record(window, self._ranges(inside))):
                self._accounts.add_window(row_id, inside)
            settled = [*closing.outside, (Fate.DAMAGED, damaged), (Fate.LATE, {} if row_id else inside)]
            self._settle(settled)
            self._queue(diagnosis_record(diagnosis, window.start_us))
            for alert in alerts:
                self._queue(alert_record(alert))
            self._advance(window.end_us)
            return [inside, *(numbers for _, numbers in settled)]

        for numbers in self._write(write, FOR_DIAGNOSES):
            self._open.forget(numbers)

    def record_alert(self, alert: Alert) -> None:
        """Store an alert that is about no window, and queue it for the centre and the broker."""
        self._write(lambda: self._queue(alert_record(alert)), FOR_DIAGNOSES)

    def skip_to(self, next_window_start_us: int) -> None:
        """There is nothing to diagnose before this time; readings before it that are in no window won't be in one."""

        def write() -> list[NumbersByBoot]:
            cursor_us = self.next_window_start()
            since_us = _EVER_US if cursor_us is None else min(cursor_us, next_window_start_us)
            closing = self._open.closing(since_us, next_window_start_us)
            settled = [*closing.outside, (Fate.SKIPPED, closing.inside)]
            self._settle(settled)
            self._advance(next_window_start_us)
            return [numbers for _, numbers in settled]

        for numbers in self._write(write, FREE_TO_GO):
            self._open.forget(numbers)

    def unpublished_alerts(self) -> list[tuple[int, Alert]]:
        """Alerts that the broker hasn't acknowledged, oldest first, each with the number `mark_published` takes."""
        with store_errors(self._path):
            return self._records.unpublished_alerts()

    def mark_published(self, row_id: int) -> None:
        """The broker has acknowledged this alert."""
        self._write(lambda: self._records.mark_published(row_id), FREE_TO_GO)

    def next_batch(self, lanes: Sequence[Lane] = EVERY_LANE, max_bytes: int = MAX_RAW_BYTES) -> SealedBatch | None:
        """What is first to go of these lanes; None if nothing waits there. A batch is sealed when it is its turn.

        Until it is acknowledged or refused it is the same every time, also after a restart.

        Args:
            lanes: those that may be sent now, the first to go first.
            max_bytes: about how much a batch that has yet to be sealed may hold, before compression.
        """
        for lane in lanes:
            while True:
                with store_errors(self._path):
                    batch_id = self._outbox.sealed(lane)
                    if batch_id is not None and (batch := self._outbox.content(batch_id)):
                        return batch
                    waiting = batch_id is None and self._outbox.waiting(lane)
                if batch_id is not None:
                    self._write(partial(self._outbox.give_up, batch_id, self._now_us()), FREE_TO_GO)
                elif waiting:
                    self._write(partial(self._outbox.seal, lane, self._boot_id, max_bytes), FREE_TO_GO)
                else:
                    break
        return None

    def acknowledge(self, boot: str, number: int, sent_bytes: int = 0) -> None:
        """The centre has committed this batch, for which so much was sent. Harmless when it was acknowledged before."""

        def write() -> None:
            if lane := self._outbox.close(boot, number, self._now_us()):
                self._traffic.note(lane, 1, sent_bytes, self._now_us())

        self._write(write, FREE_TO_GO)

    def refuse(self, boot: str, number: int, reason: str, sent_bytes: int = 0) -> None:
        """The centre won't take this batch: it is split in two, or, if it is a single record, becomes a dead letter."""

        def write() -> None:
            if lane := self._outbox.refuse(boot, number, self._boot_id, reason, self._now_us()):
                self._traffic.note(lane, 0, sent_bytes, self._now_us())

        self._write(write, FREE_TO_GO)

    def count_unanswered(self, lane: Lane, sent_bytes: int) -> None:
        """So much was sent to the centre in vain."""
        self._write(lambda: self._traffic.note(lane, 0, sent_bytes, self._now_us()), FREE_TO_GO)

    def retry_dead_letter(self, dead_letter_id: int) -> None:
        """Put a dead letter back into the queue. Harmless when there is none of that id any more."""
        self._write(lambda: self._outbox.retry(dead_letter_id), FREE_TO_GO)

    def drop_dead_letter(self, dead_letter_id: int) -> None:
        """Give up sending a dead letter and write that into the ledger. Harmless likewise."""
        self._write(lambda: self._outbox.drop(dead_letter_id, self._now_us()), FREE_TO_GO)

    def keep_within(self, retention: Retention) -> None:
        """Other limits count from the next `prune` on."""
        self._retention = retention

    def send_again(self, windows: Sequence[tuple[int, int]]) -> int:
        """Queue records about these windows, by start and end, once more; those that wait already just wait.

        Returns:
            How many were queued.
        """

        def write() -> int:
            records = [record for start, end in windows for record in self._records.unqueued(start, end)]
            for record_class, record_id, raw_bytes in dict.fromkeys(records):
                self._outbox.add(record_class, record_id, raw_bytes)
            return len(set(records))

        return self._write(write, FREE_TO_GO)

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

    def _note_step(self, step: ClockStep, counter: int) -> None:
        """The clock was set before reading `counter` of this boot."""
        number = self._clock_ledger.note(step, Place(self._boot_id, counter))
        self._queue_step(number, step, counter)
        if step.corrects:
            self._correct_gaps(number, self._boot_id)

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

    def _queue_step(self, number: int, step: ClockStep, counter: int) -> None:
        if self._machine:
            self._queue(clock_step_record(self._machine, self.boot, number, counter, step))

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

    def _advance(self, next_window_start_us: int) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO progress (id, next_window_start_us) VALUES (1, ?)", (next_window_start_us,)
        )

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

    def _whole(self, numbers: NumbersByBoot) -> tuple[NumbersByBoot, NumbersByBoot]:
        """Those of the readings that could be read, and those in damaged blocks."""
        if not self._readings.damaged:
            return numbers, {}
        damaged = self._readings.damaged_numbers()
        lost = {boot_id: held & damaged.get(boot_id, NumberRanges()) for boot_id, held in numbers.items()}
        return {boot_id: held - lost[boot_id] for boot_id, held in numbers.items()}, lost

    def _ranges(self, numbers: NumbersByBoot) -> tuple[ReadingRange, ...]:
        """As they cross the WAN."""
        names = dict(self._connection.execute("SELECT id, name FROM boot").fetchall()) if numbers else {}
        return tuple(
            ReadingRange(names[boot_id], first, last) for boot_id, held in numbers.items() for first, last in held
        )

    def _settle(self, fates: Sequence[tuple[Fate, NumbersByBoot]]) -> None:
        for fate, numbers in fates:
            self._accounts.add(fate, numbers)

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
