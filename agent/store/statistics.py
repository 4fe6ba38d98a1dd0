"""What the store holds, how fast that grows and how long it lasts."""

import shutil
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.store.losses import DAY_US, Loss
from agent.store.outage_budget import Held, Shedding, outage_budget
from agent.store.reading_growth import reading_growth
from agent.store.records import RecordClass
from agent.store.retention import Retention, Stage, used_bytes
from agent.store.wear import Wear

_MIN_SPAN_US = 60_000_000
EMPTY_BYTES = 36_000
"""Size of a store that holds nothing, about."""


@dataclass(frozen=True, slots=True)
class BufferStatistics:
    """Figures of one moment.

    Attributes:
        file_bytes: size of the store's files.
        used_bytes: the part of it that holds something.
        free_bytes: room on the disk for the agent.
        readings: readings now in the store.
        thinned_out: readings that were diagnosed and then thinned; others stand for them.
        readings_this_boot: numbered since the agent was started; None when seen from beside the agent.
        oldest_us: earliest source time of a reading, None without readings.
        newest_us: latest one.
        records: number of windows, diagnoses and alerts in the store.
        pending: how many of them wait for the centre; what it refused doesn't wait.
        unpublished_alerts: how many alerts the broker hasn't acknowledged.
        batches: sealed batches that the centre hasn't acknowledged.
        readings_bytes_per_day: growth by readings, once merged, at the rate of the last day.
        records_bytes_per_day: growth by windows, diagnoses and alerts at that rate.
        readings_days: in how many days the first readings that were diagnosed make way; None where that isn't known.
        outage_days: for how many days without the centre nothing that it should have is lost; None likewise.
        damaged: payloads found damaged since the store was opened.
        losses: the ledger of loss.
        wear: what storing wrote to the disk of late; None until that is known.
        budget: what is shed, in this order and when, if the centre stays away; empty while the rate isn't known.
    """

    file_bytes: int
    used_bytes: int
    free_bytes: int
    readings: int
    thinned_out: int
    readings_this_boot: int | None
    oldest_us: int | None
    newest_us: int | None
    records: Mapping[RecordClass, int]
    pending: Mapping[RecordClass, int]
    unpublished_alerts: int
    batches: int
    readings_bytes_per_day: float
    records_bytes_per_day: float
    readings_days: float | None
    outage_days: float | None
    damaged: int
    losses: tuple[Loss, ...]
    wear: Wear | None
    budget: tuple[Shedding, ...]

    @property
    def outbox_pending(self) -> int:
        """Records of all classes that the centre hasn't acknowledged."""
        return sum(self.pending.values())


def measure(
    connection: sqlite3.Connection,
    path: Path,
    retention: Retention,
    *,
    readings_this_boot: int | None,
    damaged: int,
    losses: tuple[Loss, ...],
    wear: Wear | None,
    now_us: int,
) -> BufferStatistics:
    """Measure the store at `path`. Reads indexes only, never payloads."""
    readings, thinned_out, oldest_us, newest_us = connection.execute(
        "SELECT coalesce(sum(readings), 0), coalesce(sum(max(numbers - readings, 0)), 0), "
        "min(first_time_us), max(last_time_us) FROM reading_block"
    ).fetchone()
    used = used_bytes(connection)
    free = shutil.disk_usage(path.parent).free
    readings_rate = reading_growth(connection, now_us)
    records_rate = _daily(connection, "", now_us)
    # What the store may grow to: its own limit, or where the disk would get too low.
    limit = min(retention.max_bytes, used + max(free - retention.min_free_bytes, 0))
    budget = outage_budget(_held(connection, used, limit, now_us)) if readings_rate else ()
    return BufferStatistics(
        file_bytes=sum(file.stat().st_size for file in _files(path)),
        used_bytes=used,
        free_bytes=free,
        readings=readings,
        thinned_out=thinned_out,
        readings_this_boot=readings_this_boot,
        oldest_us=oldest_us,
        newest_us=newest_us,
        records=_counts(connection, "record"),
        pending=_counts(connection, "outbox WHERE lane <> 'set aside'"),
        unpublished_alerts=connection.execute("SELECT count(*) FROM publication").fetchone()[0],
        batches=connection.execute("SELECT count(*) FROM batch").fetchone()[0],
        readings_bytes_per_day=readings_rate,
        records_bytes_per_day=records_rate,
        readings_days=_first(one for one in budget if one.record_class is RecordClass.READING),
        outage_days=_first(one for one in budget if one.lost and one.record_class is not RecordClass.READING),
        damaged=damaged,
        losses=losses,
        wear=wear,
        budget=budget,
    )


def _first(reached: Iterable[Shedding]) -> float | None:
    return min((one.days for one in reached if one.days is not None), default=None)


def _held(connection: sqlite3.Connection, used: int, limit: int, now_us: int) -> Held:
    """Bytes by stage and rates, each with its share of what the file takes beyond its payloads."""
    stages = {
        Stage(RecordClass.READING, bool(needed)): size
        for needed, size in connection.execute(
            "SELECT last_time_us >= coalesce((SELECT next_window_start_us FROM progress), 0), sum(bytes) "
            "FROM reading_block GROUP BY 1"
        )
    }
    stages |= {
        Stage(RecordClass(name), bool(needed)): size
        for name, needed, size in connection.execute(
            "SELECT record_class, EXISTS (SELECT 1 FROM outbox WHERE record_id = record.id), sum(bytes) "
            "FROM record GROUP BY 1, 2"
        )
    }
    payload = sum(stages.values())
    share = max(1.0, (used - EMPTY_BYTES) / payload) if payload > EMPTY_BYTES else 1.0
    daily: dict[RecordClass, float] = {
        name: share * _daily(connection, f"record_class = '{name}' AND", now_us)
        for name in RecordClass
        if name is not RecordClass.READING
    }
    daily[RecordClass.READING] = share * reading_growth(connection, now_us)
    return Held(limit, {stage: share * size for stage, size in stages.items()}, EMPTY_BYTES, daily)


def _daily(connection: sqlite3.Connection, condition: str, now_us: int) -> float:
    """Bytes of records a day, from what was stored within the last day; 0 until a minute's worth is there."""
    size, first_us = connection.execute(
        f"SELECT coalesce(sum(bytes), 0), min(stored_us) FROM record WHERE {condition} stored_us BETWEEN ? AND ?",  # noqa: S608
        (now_us - DAY_US, now_us),
    ).fetchone()
    if first_us is None or now_us - first_us < _MIN_SPAN_US:
        return 0.0
    return float(size * DAY_US / (now_us - first_us))


def _counts(connection: sqlite3.Connection, rows_of: str) -> dict[RecordClass, int]:
    rows = dict(connection.execute(f"SELECT record_class, count(*) FROM {rows_of} GROUP BY 1").fetchall())  # noqa: S608
    return {name: rows.get(name, 0) for name in RecordClass if name is not RecordClass.READING}


def _files(path: Path) -> list[Path]:
    candidates = (path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm"))
    return [file for file in candidates if file.exists()]
