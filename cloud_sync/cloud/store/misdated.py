"""Records with a time that can't be right: kept apart, so that they are in nobody's way and nothing is in theirs.

Two windows of a machine with the same start are taken for the same one. A box whose clock is wrong by a year makes
windows whose starts belong to others, so they don't go into the tables of what is known, whatever reads those. Alerts
stay with the others, which an alert's own id allows: one that stands must be seen.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import psycopg

from cloud_sync.box_time import BoxTime
from cloud_sync.cloud.store.multiranges import to_multirange
from cloud_sync.cloud.store.queries import load_queries
from cloud_sync.cloud.store.rows import BatchRows, ReadingsRow, readings_row
from cloud_sync.wire import Batch, DiagnosisRecord, WindowRecord
from edge_runtime.number_ranges import NumberRanges
from edge_runtime.utc import microseconds, utc_datetime

_QUERIES = load_queries("misdated.sql")

WINDOW, DIAGNOSIS = "window", "diagnosis"


class MisdatedRow(NamedTuple):
    """One record as it came, with what it says of its time; `boots` and `numbers` as in `ReadingsRow`."""

    machine: str
    kind: str
    sha256: bytes
    start_time: datetime
    end_time: datetime
    clock: str
    boots: list[str]
    numbers: list[NumberRanges]
    record: bytes


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known here of a box's clock, microseconds since 1970.

    Attributes:
        now_us: the database's time, which is taken for right.
        tolerance_us: a difference up to this is nobody's fault.
        behind: spans of the box's time, first exclusive and last inclusive, in which it is known to have been behind.
    """

    now_us: int
    tolerance_us: int
    behind: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, now_us: int, tolerance_us: int, box: BoxTime | None, corrected: Sequence[tuple[int, int]]) -> "Clock":
        """From what the box says of its time as it sends, and the times up to which it was corrected before."""
        if box is None or box.now_us >= now_us - tolerance_us:
            return cls(now_us, tolerance_us, tuple(corrected))
        return cls(now_us, tolerance_us, (*corrected, (box.since_us, box.now_us + tolerance_us)))

    def fault(self, time_us: int) -> str:
        """What is wrong with a time: `ahead`, `behind`, or nothing."""
        if time_us > self.now_us + self.tolerance_us:
            return "ahead"
        return "behind" if any(first < time_us <= last for first, last in self.behind) else ""


def set_apart(batch: Batch, rows: BatchRows, clock: Clock) -> tuple[BatchRows, list[MisdatedRow]]:
    """Rows whose time may be right, alerts with a word on theirs, and the records of all others."""
    misdated = [
        _row(
            WINDOW, record, (utc_datetime(record.start_us), utc_datetime(record.end_us)), fault, readings_row(k, record)
        )
        for k, record in enumerate(batch.windows)  # the same start may come twice: some clocks begin anew
        if (fault := clock.fault(record.end_us))
    ]
    windows = {row.start_time for row in misdated}
    diagnoses = {row.start_time: fault for row in rows.diagnoses if (fault := clock.fault(microseconds(row.end_time)))}
    alerts = [row._replace(misdated=bool(clock.fault(microseconds(row.time)))) for row in rows.alerts]
    if not windows and not diagnoses:
        return replace(rows, alerts=alerts), []
    ends = {row.start_time: row.end_time for row in rows.diagnoses}
    misdated += [
        _row(DIAGNOSIS, record, (start, ends[start]), diagnoses[start])
        for record in batch.diagnoses
        if (start := utc_datetime(record.start_us)) in diagnoses
    ]
    right = replace(
        rows,
        windows=[row for row in rows.windows if row.start_time not in windows],
        readings=[row for row in rows.readings if row.start_time not in windows],
        diagnoses=[row for row in rows.diagnoses if row.start_time not in diagnoses],
        components=[row for row in rows.components if row.start_time not in diagnoses],
        alerts=alerts,
    )
    return right, sorted(misdated, key=lambda row: row[:3])


async def read_clock(
    connection: psycopg.AsyncConnection, machine: str, box: BoxTime | None, tolerance: timedelta
) -> Clock:
    """What is known of the clock of a machine's box; after the steps of the same batch were written."""
    about = {"machine": machine, "tolerance": tolerance}
    rows = await (await connection.execute(_QUERIES["clock"], about)).fetchall()
    corrected = [(first, last) for _, first, last in rows if first is not None]
    return Clock.of(rows[0][0], tolerance // timedelta(microseconds=1), box, corrected)


async def insert_misdated(connection: psycopg.AsyncConnection, rows: Sequence[MisdatedRow]) -> None:
    """Those that aren't there yet."""
    if rows:
        async with connection.cursor() as cursor:
            await cursor.executemany(
                _QUERIES["insert"],
                [(*row[:7], [to_multirange(held) for held in row.numbers], row.record) for row in rows],
            )


def _row(
    kind: str,
    record: WindowRecord | DiagnosisRecord,
    span: tuple[datetime, datetime],
    fault: str,
    readings: ReadingsRow | None = None,
) -> MisdatedRow:
    packed = msgspec.msgpack.encode(record)
    boots, numbers = (readings.boots, readings.numbers) if readings else ([], [])
    return MisdatedRow(
        record.machine, kind, hashlib.sha256(packed).digest(), *span, fault, boots, numbers, record=packed
    )
