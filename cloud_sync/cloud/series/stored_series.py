"""One sensor's stored windows as a plot: read some at a time, reduced as they come."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg

from cloud_sync.cloud.series.reduction import Method, Plot, Reduction
from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.errors import RefusedError
from edge_runtime.utc import microseconds

MAX_SAMPLES = 32_000_000
"""A year at 1 Hz; seconds of one core."""
_SAMPLES_AT_ONCE = 200_000
_LONGEST_WINDOW = timedelta(days=1)

_QUERIES = load_queries("series.sql")


@dataclass(frozen=True, slots=True)
class FoundSeries:
    """A plot, how its points were chosen, of how many samples, and how short a gap it can show."""

    plot: Plot
    method: Method
    samples: int
    bucket_us: int


@dataclass(frozen=True, slots=True)
class _Extent:
    """Where a sensor's windows of a span lie, and what the last of them holds."""

    first: datetime
    last: datetime
    window_us: int
    window_samples: int

    @property
    def most_samples(self) -> float:
        """If the machine was never off."""
        return (microseconds(self.last) - microseconds(self.first)) / self.window_us * self.window_samples


async def read_series(
    connection: psycopg.AsyncConnection,
    machine: str,
    sensor: str,
    start: datetime,
    end: datetime,
    points: int,
    method: Method,
) -> FoundSeries:
    """The samples of a sensor from `start` to before `end`, as `points` values at most.

    Args:
        connection: in a transaction.
        machine: its name.
        sensor: its name; one that isn't known has no samples.
        start: first moment, aware.
        end: first moment after.
        points: at most so many values, gaps beside them.
        method: how they are chosen.

    Raises:
        RefusedError: `end` isn't after `start`, or the time holds more than `MAX_SAMPLES` (422).
    """
    if end <= start:
        raise RefusedError(f"end {end.isoformat()} isn't after start", status=422, hint="Give start before end.")
    reduction = Reduction(microseconds(start), microseconds(end), points, method)
    extent = await _extent(connection, machine, sensor, start, end)
    if extent is not None:
        values = {"machine": machine, "sensor": sensor, "first": extent.first, "end": end}
        if extent.most_samples > MAX_SAMPLES:
            enough = MAX_SAMPLES // max(1, extent.window_samples) + 1
            counted = await (await connection.execute(_QUERIES["count"], {**values, "enough": enough})).fetchone()
            if counted == (enough,):
                raise _too_many(machine, sensor, extent)
        async with connection.cursor("series", binary=True) as cursor:
            await cursor.execute(_QUERIES["windows"], values)
            rows_at_once = max(1, _SAMPLES_AT_ONCE // max(1, extent.window_samples))
            while rows := await cursor.fetchmany(rows_at_once):
                lengths = np.array([len(samples) for _, _, samples in rows])
                steps_us = np.repeat(np.array([step_us for _, step_us, _ in rows], np.int64), lengths)
                starts_us = np.repeat(np.array([microseconds(at) for at, _, _ in rows], np.int64), lengths)
                number = np.arange(len(steps_us)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
                samples = np.concatenate([samples for _, _, samples in rows]).astype(np.float64)
                reduction.add(starts_us + number * steps_us, steps_us, samples)
                if reduction.samples > MAX_SAMPLES:
                    raise _too_many(machine, sensor, extent)
    plot, chosen = reduction.plot()
    return FoundSeries(plot, chosen, reduction.samples, 0 if chosen is Method.RAW else reduction.bucket_us)


async def _extent(
    connection: psycopg.AsyncConnection, machine: str, sensor: str, start: datetime, end: datetime
) -> _Extent | None:
    values = {"machine": machine, "sensor": sensor, "since": start - _LONGEST_WINDOW, "start": start, "end": end}
    row = await (await connection.execute(_QUERIES["extent"], values)).fetchone()
    return None if row is None else _Extent(*row)


def _too_many(machine: str, sensor: str, extent: _Extent) -> RefusedError:
    days = MAX_SAMPLES / max(1, extent.window_samples) * extent.window_us / 86_400e6
    return RefusedError(
        f"{sensor} of {machine!r} has over {MAX_SAMPLES:,} samples in this time",
        status=422,
        hint=f"Ask for {days:,.1f} days at most; GET /api/v1/machines/{machine}/health goes over years.",
    )
