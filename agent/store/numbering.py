"""Which numbers of an append belong to which window.

The readings of an append take the boot's next numbers in the order of their source times. Which window a reading falls
into is decided by its source time alone, so each window's share of an append is one run of numbers, however the
sensors' readings are mixed. A block keeps these runs beside its payload: merging joins them and thinning leaves them
alone, so what becomes of every number stays known when the readings themselves lie in another order or are gone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np

from agent.store.block import Block
from edge_runtime.errors import StoreDamagedError
from edge_runtime.reading import Int64Array


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """How readings will be cut into windows.

    Attributes:
        window_us: length of the windows, which start at its whole multiples since the epoch.
        sensors: names that windows have a channel for; None when all have.
    """

    window_us: int = 60_000_000
    sensors: frozenset[str] | None = None


MINUTES = WindowPlan()


class Run(msgspec.Struct, frozen=True, array_like=True):
    """So many numbers in a row whose readings fall into the window that starts there, or (None) into no window."""

    start_us: int | None
    count: int


def runs_of(block: Block, plan: WindowPlan) -> tuple[Run, ...]:
    """The runs of one append. Readings of sensors that no window has a channel for come last."""
    times_us, strangers = block.times_us, 0
    if plan.sensors is not None and not plan.sensors.issuperset(block.sensors):
        known = np.repeat([sensor in plan.sensors for sensor in block.sensors], block.counts)
        times_us, strangers = times_us[known], int((~known).sum())
    runs = [Run(start_us, count) for start_us, count in _shares(times_us, plan.window_us)]
    return (*runs, Run(None, strangers)) if strangers else tuple(runs)


def joined(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The runs of appends that follow each other: neighbours in the same window become one."""
    result: list[Run] = []
    for run in runs:
        if result and result[-1].start_us == run.start_us:
            result[-1] = Run(run.start_us, result[-1].count + run.count)
        else:
            result.append(run)
    return tuple(result)


def encode_runs(runs: tuple[Run, ...]) -> bytes:
    """As they lie in a block's row."""
    return msgspec.msgpack.encode(runs)


def decode_runs(data: object, numbers: int) -> tuple[Run, ...]:
    """Give back what was encoded, for a block with so many numbers. One of before runs were kept is for no window.

    Raises:
        StoreDamagedError: the bytes are damaged.
    """
    if data == b"":
        return (Run(None, numbers),)
    try:
        runs = msgspec.msgpack.decode(data if isinstance(data, bytes) else b"", type=tuple[Run, ...])
    except msgspec.DecodeError as error:
        raise StoreDamagedError(f"damaged runs: {error}") from error
    if sum(run.count for run in runs) != numbers:
        raise StoreDamagedError(f"damaged runs: not of {numbers} numbers")
    return runs


def _shares(times_us: Int64Array, window_us: int) -> Iterable[tuple[int, int]]:
    """Each window's start and how many of the times fall into it, by time."""
    if not len(times_us):
        return []
    first, last = int(times_us.min()), int(times_us.max())
    start_us = first - first % window_us
    if last < start_us + window_us:
        return [(start_us, len(times_us))]
    starts, counts = np.unique(times_us - times_us % window_us, return_counts=True)
    return zip(starts.tolist(), counts.tolist(), strict=True)
