"""A machine's windows and labels at the centre, read some at a time, so that their number doesn't matter for memory.

Samples are means over grid steps, NaN where there is a gap. A sample's time is the start of its step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import numpy as np
import psycopg

from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.reading import Series
from edge_runtime.recording import LabelRow
from edge_runtime.utc import microseconds
from edge_runtime.window import Float32Array

SAMPLES_AT_ONCE = 2**19
"""About 50 MB while they are turned into a row group of a Parquet file."""
_ROWS_AT_ONCE = 500

_QUERIES = load_queries("stored_windows.sql")


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """Which windows: those of a machine that begin from `since` on and before `until`, where these are given.

    `sensors`: only these channels; None for all.
    """

    machine: str
    since: datetime | None = None
    until: datetime | None = None
    sensors: tuple[str, ...] | None = None

    @property
    def values(self) -> dict[str, object]:
        """What the queries take."""
        return asdict(self) | {"sensors": None if self.sensors is None else list(self.sensors)}


@dataclass(frozen=True, slots=True)
class StoredPortion:
    """Some windows, whole ones.

    Attributes:
        series: their samples by sensor. Of one sensor, later portions are later in time.
        windows: how many there were so far, these included.
        reached: start of the last one.
    """

    series: dict[str, Series]
    windows: int
    reached: datetime


class _Row(NamedTuple):
    start: datetime
    sensor: str
    step_us: int
    samples: Float32Array


def machines_with_windows(connection: psycopg.Connection) -> list[str]:
    """Names, sorted."""
    return [name for (name,) in connection.execute(_QUERIES["machines"])]


def unknown_sensors(connection: psycopg.Connection, machines: Sequence[str], sensors: Sequence[str]) -> list[str]:
    """Of `sensors` those of which none of the machines has a window."""
    asked = {"machines": list(machines), "sensors": list(sensors)}
    return [name for (name,) in connection.execute(_QUERIES["unknown_sensors"], asked)]


def window_count(connection: psycopg.Connection, span: WindowSpan) -> int:
    """How many windows."""
    row = connection.execute(_QUERIES["count"], span.values).fetchone()
    return 0 if row is None else int(row[0])


def window_bounds(connection: psycopg.Connection, span: WindowSpan) -> tuple[datetime, datetime] | None:
    """When the first and the last of the windows begin; None where there is none."""
    row = connection.execute(_QUERIES["bounds"], span.values).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def stored_portions(
    connection: psycopg.Connection, span: WindowSpan, *, samples_at_once: int = SAMPLES_AT_ONCE
) -> Iterator[StoredPortion]:
    """The windows, by a cursor that stays at the server.

    Args:
        connection: a `snapshot`.
        span: which windows.
        samples_at_once: a portion ends with the window that reaches this.
    """
    windows, held, rows = 0, 0, list[_Row]()
    with connection.cursor("stored_windows", binary=True) as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(_QUERIES["signals"], span.values)
        for row in map(_Row._make, cursor):
            if not rows or row.start != rows[-1].start:
                if held >= samples_at_once:
                    yield StoredPortion(_series(rows), windows, rows[-1].start)
                    held, rows = 0, []
                windows += 1
            rows.append(row)
            held += len(row.samples)
    if rows:
        yield StoredPortion(_series(rows), windows, rows[-1].start)


def labelled_conditions(connection: psycopg.Connection, machine: str) -> list[str]:
    """Conditions that people have said something of, sorted."""
    return [name for (name,) in connection.execute(_QUERIES["conditions"], {"machine": machine})]


def stored_labels(connection: psycopg.Connection, span: WindowSpan) -> Iterator[LabelRow]:
    """What people have said of the windows: a row a window, with the last word about each condition."""
    with connection.cursor("stored_labels") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(_QUERIES["labels"], span.values)
        for (start, end), rows in groupby(cursor, key=lambda row: (row[0], row[1])):
            yield LabelRow(
                microseconds(start), microseconds(end), {condition: level for _, _, condition, level in rows}
            )


def _series(rows: Sequence[_Row]) -> dict[str, Series]:
    pieces: dict[str, list[_Row]] = {}
    for row in rows:
        pieces.setdefault(row.sensor, []).append(row)
    return {
        sensor: Series.ordered(
            np.concatenate([microseconds(r.start) + r.step_us * np.arange(len(r.samples)) for r in own]),
            np.concatenate([r.samples for r in own]).astype(np.float64),
        )
        for sensor, own in pieces.items()
        if any(len(r.samples) for r in own)
    }
