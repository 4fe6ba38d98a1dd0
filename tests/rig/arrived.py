"""What the centre's database holds, against what the box's store holds."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg

from agent.store.reader import StoreReader

EVERYTHING = 100_000


@dataclass(frozen=True, slots=True)
class Records:
    """Windows, diagnoses and alerts by what they are about.

    Attributes:
        windows: (start, sensor) → samples, little-endian float32.
        diagnoses: start → document, which names the inference's duration: no two inferences give the same.
        alerts: (id, state) → document.
    """

    windows: dict[Hashable, bytes]
    diagnoses: dict[Hashable, dict[str, Any]]
    alerts: dict[Hashable, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Accepted:
    """How many records the centre has taken in all batches together; more than it holds if one came in two batches."""

    windows: int
    diagnoses: int
    alerts: int


def stored(store: StoreReader) -> Records:
    """All that the box has recorded."""
    return Records(
        {
            (window.start_us, channel.sensor): channel.values.astype("<f4").tobytes()
            for window in store.windows(EVERYTHING)
            for channel in window.channels
        },
        {
            round(diagnosis.window_start.timestamp() * 1e6): diagnosis.model_dump(mode="json")
            for diagnosis in store.diagnoses(EVERYTHING)
        },
        {(alert.id, alert.state.value): alert.model_dump(mode="json") for alert in store.alerts(EVERYTHING)},
    )


def arrived(database_url: str) -> Records:
    """All that is in the database."""
    with psycopg.connect(database_url) as connection:
        windows = connection.execute("SELECT start_time, sensor, samples FROM windows").fetchall()
        diagnoses = connection.execute("SELECT start_time, document FROM diagnoses").fetchall()
        alerts = connection.execute("SELECT id, state, document FROM alerts").fetchall()
    return Records(
        {
            (round(start.timestamp() * 1e6), sensor): np.array(samples, "<f4").tobytes()
            for start, sensor, samples in windows
        },
        {round(start.timestamp() * 1e6): document for start, document in diagnoses},
        {(alert_id, state): document for alert_id, state, document in alerts},
    )


def accepted(database_url: str) -> Accepted:
    """The sum of the centre's receipts."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(windows), 0), coalesce(sum(diagnoses), 0), coalesce(sum(alerts), 0) FROM receipts"
        ).fetchone()
    assert row is not None
    return Accepted(*map(int, row))


def pending(store: StoreReader) -> int:
    """How many records still wait for the centre."""
    return store.statistics().outbox_pending
