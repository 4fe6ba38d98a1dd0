"""The store as the agent uses it: what is written. See the package's own text for what its files hold."""

from collections.abc import Sequence
from functools import partial

from agent.store.accounts import Fate, NumbersByBoot
from agent.store.block import Block
from agent.store.clock_ledger import Place
from agent.store.connection import store_errors
from agent.store.gaps import Gap, GapCause
from agent.store.numbering import runs_of
from agent.store.outbox import MAX_RAW_BYTES
from agent.store.records import (
    alert_record,
    clock_step_record,
    diagnosis_record,
    window_record,
)
from agent.store.retention import (
    FOR_DIAGNOSES,
    FOR_READINGS,
    FREE_TO_GO,
)
from agent.store.writer import StoreWriter
from cloud_sync.edge.lane import EVERY_LANE, Lane
from cloud_sync.edge.sealed_batch import SealedBatch
from cloud_sync.wire import ReadingRange
from edge_runtime.alert import Alert
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.number_ranges import NumberRanges
from edge_runtime.reading import Reading
from edge_runtime.timeline import ClockStep, Timeline
from edge_runtime.window import Window

_EVER_US = -(2**63)


class Store(StoreWriter):
    """Readings, windows, diagnoses, alerts and the outbox in one file.

    What a writing method has returned from is on the disk: it survives the loss of power. On a full disk room is made
    by shedding (see retention.py) and the write is tried again once; StoreFullError means that nothing of it was
    stored, and that it may be given again. Every method raises StoreError when the file can't be used.
    """

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

    def _note_step(self, step: ClockStep, counter: int) -> None:
        """The clock was set before reading `counter` of this boot."""
        number = self._clock_ledger.note(step, Place(self._boot_id, counter))
        self._queue_step(number, step, counter)
        if step.corrects:
            self._correct_gaps(number, self._boot_id)

    def _queue_step(self, number: int, step: ClockStep, counter: int) -> None:
        if self._machine:
            self._queue(clock_step_record(self._machine, self.boot, number, counter, step))

    def _advance(self, next_window_start_us: int) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO progress (id, next_window_start_us) VALUES (1, ?)", (next_window_start_us,)
        )

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
