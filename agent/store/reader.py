"""Everything that can be asked of a store without changing it."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from agent.store.accounts import AccountTable, BootAccount
from agent.store.clock_ledger import ClockEntry, ClockLedger
from agent.store.connection import connect_read_only, store_errors
from agent.store.gaps import Gap, GapTable
from agent.store.losses import Loss, LossLedger
from agent.store.outbox import DeadLetter, LaneContent, Outbox
from agent.store.readings import ReadingTable
from agent.store.record_table import RecordTable
from agent.store.records import Record
from agent.store.retention import Retention
from agent.store.schema import MIGRATIONS
from agent.store.statistics import BufferStatistics, measure
from agent.store.traffic import Traffic, TrafficTable
from agent.store.wear import WearTable
from cloud_sync.edge.lane import Lane
from cloud_sync.wire import WindowRecord
from edge_runtime.alert import Alert
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import StoreError
from edge_runtime.number_ranges import NumberRanges
from edge_runtime.prognosis.history import HealthHistory
from edge_runtime.reading import Reading, Series
from edge_runtime.window import Window

LATEST_WITHIN_US = 3_600_000_000
"""A sensor silent for longer than this, against the others, has no latest reading."""
PORTION_US = 300_000_000
"""Of a long period, so much is in memory at a time."""


def box_clock_us() -> int:
    """Now, by the box's own clock, in microseconds since 1970, UTC."""
    return time.time_ns() // 1000


class StoreReader:
    """A store opened for reading. Used in the thread that made it. A context manager.

    Payloads that turn out to be damaged are left out and counted; every method raises StoreError when the file can't
    be read at all.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, retention: Retention, now_us: Callable[[], int]
    ) -> None:
        self._path = path
        self._retention = retention
        self._now_us = now_us
        self._use(connection)

    def _use(self, connection: sqlite3.Connection) -> None:
        """Work on this connection from now on."""
        self._connection = connection
        self._readings = ReadingTable(connection)
        self._records = RecordTable(connection)
        self._ledger = LossLedger(connection)
        self._accounts = AccountTable(connection)
        self._wear = WearTable(connection)
        self._outbox = Outbox(connection, self._records, self._ledger, self._accounts)
        self._traffic = TrafficTable(connection)
        self._clock_ledger = ClockLedger(connection)
        self._gaps = GapTable(connection)

    @classmethod
    def open_read_only(
        cls, path: Path, *, retention: Retention | None = None, now_us: Callable[[], int] = box_clock_us
    ) -> "StoreReader":
        """Look into a store, whether an agent writes to it at the same time or not.

        Raises:
            StoreError: there is no store, this user may not read it, or it is of another version.
        """
        connection = connect_read_only(path)
        with store_errors(path):
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != len(MIGRATIONS):
            connection.close()
            raise StoreError(
                f"{path}: the store has schema {version}, this version reads {len(MIGRATIONS)}",
                hint="Use the version of the agent that writes it; starting the agent brings an old store up to date.",
            )
        return StoreReader(connection, path, retention or Retention(), now_us)

    def series(self, start_us: int, end_us: int) -> dict[str, Series]:
        """Each sensor's readings with start_us <= source time < end_us, every time once; silent sensors are missing."""
        with store_errors(self._path):
            return self._readings.series(start_us, end_us)

    def portions(self, start_us: int, end_us: int) -> Iterator[tuple[int, dict[str, Series]]]:
        """The same, some minutes at a time, so that a long period fits into little memory.

        Yields:
            The moment up to which readings have been given, and `series` since the portion before.
        """
        while start_us < end_us:
            until_us = min(start_us + PORTION_US, end_us)
            series = self.series(start_us, until_us)
            if not series:
                with store_errors(self._path):
                    next_us = self._readings.next_source_time(until_us)
                until_us = min(end_us, max(until_us, end_us if next_us is None else next_us))
            yield until_us, series
            start_us = until_us

    def latest_readings(self) -> list[Reading]:
        """The newest reading of each sensor heard within the last hour of source time, by name."""
        with store_errors(self._path):
            return self._readings.latest(LATEST_WITHIN_US)

    def newest_source_time(self) -> int | None:
        """The latest source time of all readings, None when there is none."""
        with store_errors(self._path):
            return self._readings.newest_source_time()

    def reading_spans(self, since_us: int) -> list[tuple[int, int]]:
        """First and last source time of every block of readings that reaches to `since_us` or beyond."""
        with store_errors(self._path):
            return self._readings.spans(since_us)

    def next_window_start(self) -> int | None:
        """Where the window after the last recorded or skipped one starts, None before the first."""
        with store_errors(self._path):
            row = self._connection.execute("SELECT next_window_start_us FROM progress").fetchone()
        return int(row[0]) if row else None

    def windows(self, limit: int) -> list[Window]:
        """The newest windows, newest first."""
        with store_errors(self._path):
            return self._records.windows(limit)

    def judged_windows(self, machine: str, start_us: int, end_us: int) -> Iterator[tuple[Window, Diagnosis | None]]:
        """A machine's windows that start in start_us <= t < end_us, each with its diagnosis if that is kept, by time.

        They are read one at a time. The diagnosis may be gone, or not yet there: retention takes each by itself.
        """
        with store_errors(self._path):
            yield from self._records.judged_windows(machine, start_us, end_us)

    def window_span(self, machine: str) -> tuple[int, int] | None:
        """Starts of the first and the last of a machine's windows; None when there is none."""
        with store_errors(self._path):
            return self._records.window_span(machine)

    def diagnoses(self, limit: int) -> list[Diagnosis]:
        """The newest diagnoses, newest first."""
        with store_errors(self._path):
            return self._records.diagnoses(limit)

    def alerts(self, limit: int) -> list[Alert]:
        """The newest alerts, raised and cleared ones each by themselves, newest first."""
        with store_errors(self._path):
            return self._records.alerts(limit)

    def standing_alerts(self) -> list[Alert]:
        """Alerts that were raised and not cleared since, oldest first."""
        with store_errors(self._path):
            return self._records.standing_alerts()

    def health_history(self) -> HealthHistory:
        """Health of every component over the last three months, an hour at a time."""
        with store_errors(self._path):
            return self._records.health_history()

    def losses(self) -> list[Loss]:
        """The ledger of loss, the latest first."""
        with store_errors(self._path):
            return self._ledger.all()

    def accounts(self) -> list[BootAccount]:
        """What became of every reading, by boot, the oldest first: all of one moment, also while an agent writes."""
        with store_errors(self._path):
            self._connection.execute("BEGIN")
            try:
                return self._accounts.boots()
            finally:
                self._connection.execute("ROLLBACK")

    def windows_of(self, boot: str, numbers: NumberRanges) -> list[WindowRecord]:
        """The windows in the store that these readings of a boot are in, by time."""
        with store_errors(self._path):
            records = self._records.of_ids(self._accounts.windows_of(boot, numbers))
            return [record for record in records if isinstance(record, WindowRecord)]

    def lanes(self) -> dict[Lane, LaneContent]:
        """What waits for the centre, by lane."""
        with store_errors(self._path):
            return self._outbox.lanes()

    def dead_letters(self) -> list[DeadLetter]:
        """What the centre refused, in the order it was recorded."""
        with store_errors(self._path):
            return self._outbox.dead_letters()

    def dead_letter_content(self, dead_letter_id: int) -> Record | None:
        """The record itself; None when there is no dead letter of that id, or it is damaged."""
        with store_errors(self._path):
            record_id = self._outbox.record_of(dead_letter_id)
            records = self._records.of_ids([record_id]) if record_id is not None else []
        return records[0] if records else None

    def traffic_today(self) -> dict[Lane, Traffic]:
        """What was sent to the centre on this UTC day, by lane."""
        with store_errors(self._path):
            return self._traffic.of_day(self._now_us())

    def clock_entries(self) -> list[ClockEntry]:
        """The ledger of the clock, the latest first."""
        with store_errors(self._path):
            return self._clock_ledger.entries()

    def gaps(self, since_us: int = 0) -> list[Gap]:
        """The ledger of gaps, as far as they lasted until then or longer; the latest first."""
        with store_errors(self._path):
            return self._gaps.since(since_us)

    def open_gaps(self) -> list[Gap]:
        """Gaps that last."""
        with store_errors(self._path):
            return self._gaps.open()

    def next_gap_number(self) -> int:
        """The number of the next gap."""
        with store_errors(self._path):
            return self._gaps.next_number()

    def statistics(self) -> BufferStatistics:
        """What the store holds, how fast that grows and how long it lasts."""
        with store_errors(self._path):
            return measure(
                self._connection,
                self._path,
                self._retention,
                readings_this_boot=self._counted(),
                damaged=len(self._readings.damaged) + len(self._records.damaged),
                losses=tuple(self._ledger.all()),
                wear=self._wear.figures(self._now_us()),
                now_us=self._now_us(),
            )

    def _counted(self) -> int | None:
        return None

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
