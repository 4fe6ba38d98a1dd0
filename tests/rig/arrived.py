"""What the centre's database holds, against what the box's store holds."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg

from agent.store.reader import StoreReader

EVERYTHING = 100_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Records:
    """What the centre is to have, by what it is about.

    Attributes:
        windows: (start, sensor) → samples, little-endian float32.
        diagnoses: start → document, which names the inference's duration: no two inferences give the same.
        alerts: (id, state) → document.
        gaps: number → cause, beginning and end, of those that are over.
        clock_steps: (boot, number of its next reading, time after) → time before.
    """

    windows: dict[Hashable, bytes]
    diagnoses: dict[Hashable, dict[str, Any]]
    alerts: dict[Hashable, dict[str, Any]]
    gaps: dict[Hashable, tuple[str, int, int]]
    clock_steps: dict[Hashable, int]


@dataclass(frozen=True, slots=True)
class Accepted:
    """How many records the centre has taken in all batches together; more than it holds if one came in two batches."""

    windows: int
    diagnoses: int
    alerts: int
    gaps: int
    clock_steps: int


def stored(store: StoreReader) -> Records:
    """All that the box has recorded."""
    return Records(
        {
            (window.start_us, channel.sensor): channel.values.astype("<f4").tobytes()
            for window in store.windows(EVERYTHING)
            for channel in window.channels
        },
        {
            microseconds(diagnosis.window_start): diagnosis.model_dump(mode="json")
            for diagnosis in store.diagnoses(EVERYTHING)
        },
        {(alert.id, alert.state.value): alert.model_dump(mode="json") for alert in store.alerts(EVERYTHING)},
        {gap.number: (gap.cause.value, gap.began_us, gap.ended_us) for gap in store.gaps() if gap.ended_us is not None},
        {(entry.boot, entry.counter, entry.step.after_us): entry.step.before_us for entry in store.clock_entries()},
    )


def arrived(database_url: str) -> Records:
    """All that is in the database."""
    with psycopg.connect(database_url) as connection:
        windows = connection.execute("SELECT start_time, sensor, samples FROM windows").fetchall()
        diagnoses = connection.execute("SELECT start_time, document FROM diagnoses").fetchall()
        alerts = connection.execute("SELECT id, state, document FROM alerts").fetchall()
        gaps = connection.execute("SELECT number, cause, start_time, end_time FROM gaps").fetchall()
        steps = connection.execute("SELECT boot, counter, time_after, time_before FROM clock_steps").fetchall()
    return Records(
        {(microseconds(start), sensor): np.array(samples, "<f4").tobytes() for start, sensor, samples in windows},
        {microseconds(start): document for start, document in diagnoses},
        {(alert_id, state): document for alert_id, state, document in alerts},
        {number: (cause, microseconds(start), microseconds(end)) for number, cause, start, end in gaps},
        {(boot, counter, microseconds(after)): microseconds(before) for boot, counter, after, before in steps},
    )


def accepted(database_url: str) -> Accepted:
    """The sum of the centre's receipts."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(windows), 0), coalesce(sum(diagnoses), 0), coalesce(sum(alerts), 0), "
            "coalesce(sum(gaps), 0), coalesce(sum(clock_steps), 0) FROM receipts"
        ).fetchone()
    assert row is not None
    return Accepted(*map(int, row))


def microseconds(time: datetime) -> int:
    """Since 1970."""
    return (time - EPOCH) // timedelta(microseconds=1)


def pending(store: StoreReader) -> int:
    """How many records still wait for the centre."""
    return store.statistics().outbox_pending
