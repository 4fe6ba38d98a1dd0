"""Windows as what one INSERT takes: an array for each column, and one for the samples of all rows. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cloud_sync.cloud.store.rows import WindowRow
from edge_runtime.utc import microseconds

_MAX_ROWS = 4096
_MAX_SAMPLES = 2**17
"""Of one statement, unless a single row has more: a MiB."""


class WindowColumns(NamedTuple):
    """Rows of one machine, in arrays of the same length but for `names` and `samples`.

    Attributes:
        machine: whose they are.
        names: sensors of these rows, each once.
        start_times: UTC.
        sensors: each row's, by its place among `names`, from 1.
        end_times: UTC.
        steps_us: microseconds.
        lengths: how many samples each row has.
        lasts: where among `samples` its last one is, from 1.
        samples: of all rows, one after the other.
    """

    machine: str
    names: list[str]
    start_times: npt.NDArray[np.datetime64]
    sensors: npt.NDArray[np.int64]
    end_times: npt.NDArray[np.datetime64]
    steps_us: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    lasts: npt.NDArray[np.int64]
    samples: npt.NDArray[np.float32]


def columns_of(rows: Sequence[WindowRow]) -> Iterator[WindowColumns]:
    """Rows of one machine for as many statements as it takes, in their order."""
    first = samples = 0
    for k, row in enumerate(rows):
        if k - first == _MAX_ROWS or (k > first and samples + len(row.samples) > _MAX_SAMPLES):
            yield _columns(rows[first:k])
            first, samples = k, 0
        samples += len(row.samples)
    if rows:
        yield _columns(rows[first:])


def _columns(rows: Sequence[WindowRow]) -> WindowColumns:
    machines, start_times, sensors, end_times, steps_us, samples = zip(*rows, strict=True)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(sensors), start=1)}
    lengths = np.array([len(values) for values in samples], np.int64)
    return WindowColumns(
        machines[0],
        list(numbers),
        _times(start_times),
        np.array([numbers[sensor] for sensor in sensors], np.int64),
        _times(end_times),
        np.array(steps_us, np.int64),
        lengths,
        np.cumsum(lengths),
        np.concatenate(samples),
    )


def _times(times: Sequence[datetime]) -> npt.NDArray[np.datetime64]:
    """All channels of a window have the same, so each is converted once."""
    known = {time: microseconds(time) for time in set(times)}
    return np.array([known[time] for time in times], np.int64).view("M8[us]")
