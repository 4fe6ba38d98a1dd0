"""The records in the store, packed as they will cross the WAN, each unique by its class, machine and key."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from agent.store.payload import pack, unpack
from agent.store.records import RECORD_CLASSES, Record, RecordClass, decode_record, place, window_of
from cloud_sync.wire import AlertRecord, DiagnosisRecord, WindowRecord
from edge_runtime.alert import Alert, AlertState
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import StoreDamagedError
from edge_runtime.prognosis.history import HOUR_US, LOOK_BACK_US, HealthHistory
from edge_runtime.window import Window

_LAST_OF_EACH_HOUR = """
    SELECT id, record_class, payload FROM record JOIN (
        SELECT max(time_us) AS last_us FROM record WHERE record_class = 'diagnosis' AND time_us > (
            SELECT time_us FROM record WHERE record_class = 'diagnosis' ORDER BY id DESC LIMIT 1
        ) - :look_back GROUP BY time_us / :hour
    ) ON record_class = 'diagnosis' AND time_us = last_us ORDER BY id
"""


class RecordTable:
    """The `record` and `publication` tables. Writing methods run inside the caller's transaction.

    Attributes:
        damaged: ids of records that couldn't be decoded. They are skipped; the rest is read.
        stored_bytes: payload of the records added so far.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.damaged: set[int] = set()
        self.stored_bytes = 0

    def add(self, record: Record, now_us: int) -> tuple[int, int] | None:
        """Write one record, an alert with its publication.

        Returns:
            The row's id and the record's size before packing; None when the record is there already.
        """
        raw = msgspec.msgpack.encode(record)
        payload = pack(raw)
        record_class = RECORD_CLASSES[type(record)]
        time_us, key = place(record)
        row = self._connection.execute(
            "INSERT OR IGNORE INTO record (record_class, machine, key, time_us, stored_us, bytes, raw_bytes, payload) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (record_class, record.machine, key, time_us, now_us, len(payload), len(raw), payload),
        )
        if not row.rowcount or row.lastrowid is None:
            return None
        self.stored_bytes += len(payload)
        if record_class is RecordClass.ALERT:
            self._connection.execute("INSERT INTO publication (record_id) VALUES (?)", (row.lastrowid,))
        return row.lastrowid, len(raw)

    def id_of(self, record: Record) -> int | None:
        """The row of the record of the same class, machine and key; None when there is none."""
        row = self._connection.execute(
            "SELECT id FROM record WHERE record_class = ? AND machine = ? AND key = ?",
            (RECORD_CLASSES[type(record)], record.machine, place(record)[1]),
        ).fetchone()
        return int(row[0]) if row else None

    def remove(self, row_id: int) -> None:
        """Take a record away that waits for nobody any more."""
        self._connection.execute("DELETE FROM record WHERE id = ?", (row_id,))

    def newest(self, record_class: RecordClass, limit: int) -> Iterator[tuple[int, Record]]:
        """Row ids and records of a class, the newest by time first."""
        return self._decoded(
            "SELECT id, record_class, payload FROM record WHERE record_class = ? "
            "ORDER BY time_us DESC, id DESC LIMIT ?",
            (record_class, limit),
        )

    def of_batch(self, batch_id: int, without: RecordClass) -> Iterator[tuple[int, Record]]:
        """Row ids and records of a sealed batch, but for those of one class, in the order they were stored."""
        return self._decoded(
            "SELECT record.id, record.record_class, payload FROM outbox JOIN record ON record.id = record_id "
            "WHERE batch_id = ? AND record.record_class <> ? ORDER BY outbox.id",
            (batch_id, without),
        )

    def unqueued(self, first_us: int, last_us: int) -> list[tuple[RecordClass, int, int]]:
        """Class, row id and size before packing of records of this time that don't wait for the centre."""
        rows = self._connection.execute(
            "SELECT record_class, id, raw_bytes FROM record WHERE time_us BETWEEN ? AND ? "
            "AND NOT EXISTS (SELECT 1 FROM outbox WHERE record_id = record.id) ORDER BY id",
            (first_us, last_us),
        )
        return [(RecordClass(record_class), row_id, raw_bytes) for record_class, row_id, raw_bytes in rows]

    def of_ids(self, record_ids: Iterable[int]) -> list[Record]:
        """The records of these rows, the damaged ones left out, by time."""
        query = "SELECT id, record_class, payload FROM record WHERE id = ?"
        found = [record for row_id in record_ids for _, record in self._decoded(query, (row_id,))]
        return sorted(found, key=place)

    def packed_of_batch(self, batch_id: int, record_class: RecordClass) -> Iterator[bytes]:
        """The records of one class of a sealed batch as they were packed, checked, in the order they were stored."""
        for row_id, payload in self._connection.execute(
            "SELECT record.id, payload FROM outbox JOIN record ON record.id = record_id "
            "WHERE batch_id = ? AND record.record_class = ? ORDER BY outbox.id",
            (batch_id, record_class),
        ):
            try:
                unpack(payload)
            except StoreDamagedError:
                self.damaged.add(row_id)
            else:
                yield payload

    def windows(self, limit: int) -> list[Window]:
        """The newest windows, newest first."""
        records = self.newest(RecordClass.WINDOW, limit)
        return [window_of(record) for _, record in records if isinstance(record, WindowRecord)]

    def diagnoses(self, limit: int) -> list[Diagnosis]:
        """The newest diagnoses, newest first."""
        records = self.newest(RecordClass.DIAGNOSIS, limit)
        return [
            Diagnosis.model_validate_json(item.document) for _, item in records if isinstance(item, DiagnosisRecord)
        ]

    def judged_windows(self, machine: str, start_us: int, end_us: int) -> Iterator[tuple[Window, Diagnosis | None]]:
        """A machine's windows that start in this time, each with its diagnosis as far as that is there, by time."""
        query = (
            "SELECT id, record_class, payload FROM record WHERE record_class = ? AND machine = ? "
            "AND time_us >= ? AND time_us < ? ORDER BY time_us"
        )
        for _, record in self._decoded(query, (RecordClass.WINDOW, machine, start_us, end_us)):
            if isinstance(record, WindowRecord):
                at = (RecordClass.DIAGNOSIS, machine, record.start_us, record.start_us + 1)
                said = [item for _, item in self._decoded(query, at) if isinstance(item, DiagnosisRecord)]
                yield window_of(record), Diagnosis.model_validate_json(said[0].document) if said else None

    def window_span(self, machine: str) -> tuple[int, int] | None:
        """Starts of the first and the last of a machine's windows; None when there is none."""
        first, last = self._connection.execute(
            "SELECT MIN(time_us), MAX(time_us) FROM record WHERE record_class = ? AND machine = ?",
            (RecordClass.WINDOW, machine),
        ).fetchone()
        return None if first is None else (int(first), int(last))

    def alerts(self, limit: int) -> list[Alert]:
        """The newest alerts, raised and cleared, newest first."""
        return [alert for _, alert in _alerts(self.newest(RecordClass.ALERT, limit))]

    def standing_alerts(self) -> list[Alert]:
        """Alerts that were raised and not cleared since, oldest first."""
        standing: dict[str, Alert] = {}
        cleared: set[str] = set()
        for alert in self.alerts(limit=-1):
            if alert.state is AlertState.CLEARED:
                cleared.add(alert.id)
            elif alert.id not in cleared:
                standing[alert.id] = alert
        return list(reversed(standing.values()))

    def unpublished_alerts(self) -> list[tuple[int, Alert]]:
        """Row ids and alerts that the broker hasn't acknowledged, oldest first."""
        records = self._decoded(
            "SELECT record.id, record_class, payload FROM publication JOIN record ON record.id = record_id "
            "ORDER BY publication.id",
            (),
        )
        return list(_alerts(records))

    def mark_published(self, row_id: int) -> None:
        """The broker has the alert of this row."""
        self._connection.execute("DELETE FROM publication WHERE record_id = ?", (row_id,))

    def health_history(self) -> HealthHistory:
        """Health of every component where it had one: of each hour the last diagnosis, as far as a trend looks back."""
        history = HealthHistory()
        hours = self._decoded(_LAST_OF_EACH_HOUR, {"look_back": LOOK_BACK_US, "hour": HOUR_US})
        for _, record in hours:
            if isinstance(record, DiagnosisRecord):
                said = msgspec.json.decode(record.document, type=_Healths).components
                judged = {item.component: item.health for item in said if item.health is not None}
                history = history.extended(record.start_us, judged)
        return history

    def _decoded(self, query: str, parameters: Sequence[str | int] | Mapping[str, int]) -> Iterator[tuple[int, Record]]:
        for row_id, record_class, payload in self._connection.execute(query, parameters):
            try:
                yield row_id, decode_record(record_class, payload)
            except StoreDamagedError:
                self.damaged.add(row_id)


class _Health(msgspec.Struct):
    component: str
    health: float | None = None


class _Healths(msgspec.Struct):
    """As much of a diagnosis as a history needs."""

    components: list[_Health]


def _alerts(records: Iterator[tuple[int, Record]]) -> Iterator[tuple[int, Alert]]:
    for row_id, record in records:
        if isinstance(record, AlertRecord):
            yield row_id, Alert.model_validate_json(record.document)
