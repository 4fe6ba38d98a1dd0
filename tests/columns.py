"""Readings in columns, as the quality stage takes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.quality import UInt8Array
from edge_runtime.reading import Float64Array, Int64Array, Series

SECOND_US = 1_000_000


@dataclass(frozen=True)
class Columns:
    """Readings grouped by sensor."""

    sensors: tuple[str, ...]
    counts: Int64Array
    times_us: Int64Array
    received_us: Int64Array
    values: Float64Array
    statuses: UInt8Array

    def judged(self, statuses: UInt8Array) -> "Columns":
        """The same readings with these statuses."""
        return replace(self, statuses=statuses)

    def of(self, sensor: str) -> slice:
        """The rows of one sensor."""
        number = self.sensors.index(sensor)
        start = int(self.counts[:number].sum())
        return slice(start, start + int(self.counts[number]))


def columns(series: Mapping[str, Series], *, delay_us: int = 0) -> Columns:
    """All of these readings, each received `delay_us` after it was measured."""
    times_us = np.concatenate([item.times_us for item in series.values()])
    return Columns(
        tuple(series),
        np.array([len(item) for item in series.values()], np.int64),
        times_us,
        times_us + delay_us,
        np.concatenate([item.values for item in series.values()]),
        np.concatenate([item.statuses for item in series.values()]),
    )


def signal(values: object, *, start_us: int = 0, step_us: int = SECOND_US) -> Series:
    """Good readings at regular times."""
    array = np.asarray(values, np.float64)
    return Series(start_us + step_us * np.arange(len(array)), array, np.zeros(len(array), np.uint8))


def beats(series: Mapping[str, Series], beat_us: int) -> Iterator[Columns]:
    """The same readings, as they come beat by beat; beats without any are left out."""
    first = min(int(item.times_us[0]) for item in series.values() if len(item))
    last = max(int(item.times_us[-1]) for item in series.values() if len(item))
    for start_us in range(first, last + 1, beat_us):
        parts = {name: part for name, item in series.items() if len(part := item.between(start_us, start_us + beat_us))}
        if parts:
            yield columns(parts)
