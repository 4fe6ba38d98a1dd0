"""Readings at rest are thinned once they have been diagnosed; around transients every one is kept.

A second of a fast sensor becomes three readings: at its first source time its mean (reason THINNED), which alone stands
for it in windows, and one and two microseconds later the smallest and the largest (reason THINNED_EXTREME). Where all
of them are the same, the first is enough.
Since readings are stored whole first and thinned when blocks are merged, nothing that was acknowledged waits anywhere,
and what came before a transient is simply still there.

Kept whole: every second within `before_s` of a transient or `after_s` after one, also where the next block might bring
one; every second with a reading that isn't good, or that isn't whole in the block; readings that came out of order.
"""

from dataclasses import dataclass

import numpy as np

from agent.store.block import Block
from edge_runtime.quality import Quality, Reason, UInt8Array, status
from edge_runtime.reading import Float64Array, Int64Array
from edge_runtime.thinned import THINNED_US

SIGNIFICANT_DIGITS = 8
TINY = 1e-9
_MEAN = status(Quality.GOOD, Reason.THINNED)
_EXTREME = status(Quality.GOOD, Reason.THINNED_EXTREME)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A transient of the whole machine: this sensor differs by more than `change` from what it was `within_us` ago."""

    sensor: str
    change: float
    within_us: int


@dataclass(frozen=True, slots=True)
class ThinningRule:
    """What is thinned and what isn't.

    Attributes:
        min_rate_hz: sensors with so many readings a second, or more.
        before_us: kept before a transient.
        after_us: kept after one.
        triggers: transients of the whole machine.
        own_change: a sensor's own transient is a step of more than so many times its usual one, the median of those
            that aren't zero.
    """

    min_rate_hz: float
    before_us: int
    after_us: int
    triggers: tuple[Trigger, ...]
    own_change: float


@dataclass(frozen=True, slots=True)
class Thinned:
    """A block after thinning.

    Attributes:
        block: what is left of it.
        held_until_us: up to when the next block is kept whole, for the sake of this one's last transient.
    """

    block: Block
    held_until_us: int


def thin(rule: ThinningRule, block: Block, until_us: int, held_until_us: int | None) -> Thinned:
    """Thin what is at rest in a block.

    Args:
        rule: what is thinned.
        block: whole readings, or such as were thinned before.
        until_us: source time from which on readings are still to be diagnosed, and kept.
        held_until_us: as the block before left it; None where that isn't known, so that there may have been a transient
            at its very end.
    """
    events = {trigger.sensor: np.empty(0, np.int64) for trigger in rule.triggers}
    seen_us = int(block.times_us.max())
    for sensor, rows in block.by_sensor():
        for trigger in rule.triggers:
            if trigger.sensor == sensor:
                events[sensor] = np.union1d(events[sensor], _changes(block.times_us[rows], block.values[rows], trigger))
                seen_us = min(seen_us, int(block.times_us[rows].max()))
    held_us = int(block.times_us.min()) + rule.after_us if held_until_us is None else held_until_us
    common = np.unique(np.concatenate([np.empty(0, np.int64), *events.values()]))
    parts: list[_Columns] = []
    last_us = held_us
    for _, rows in block.by_sensor():
        columns = _Columns(block.times_us[rows], block.received_us[rows], block.values[rows], block.statuses[rows])
        transients = np.union1d(common, _steps(columns, rule.own_change))
        if len(transients):
            last_us = max(last_us, int(transients[-1]) + rule.after_us)
        parts.append(_thin(rule, columns, transients, held_us, min(until_us, seen_us - rule.before_us)))
    thinned = Block(
        block.sensors,
        np.array([len(part.times_us) for part in parts], np.int64),
        np.concatenate([part.times_us for part in parts]),
        np.concatenate([part.received_us for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.statuses for part in parts]),
    )
    return Thinned(thinned, last_us)


@dataclass(frozen=True, slots=True)
class _Columns:
    """One sensor's readings."""

    times_us: Int64Array
    received_us: Int64Array
    values: Float64Array
    statuses: UInt8Array

    def of(self, rows: Int64Array) -> "_Columns":
        return _Columns(self.times_us[rows], self.received_us[rows], self.values[rows], self.statuses[rows])


def _changes(times_us: Int64Array, values: Float64Array, trigger: Trigger) -> Int64Array:
    """When a trigger's sensor changes."""
    order = np.argsort(times_us, kind="stable")
    times_us, values = times_us[order], values[order]
    rows = np.arange(len(times_us))
    since = np.minimum(np.searchsorted(times_us, times_us - trigger.within_us), np.maximum(rows - 1, 0))
    with np.errstate(invalid="ignore"):
        return times_us[np.abs(values - values[since]) > trigger.change]


def _steps(columns: _Columns, own_change: float) -> Int64Array:
    """When a sensor makes a step that is large for it."""
    steps = np.abs(np.diff(columns.values))
    some = steps[steps > 0]  # NaN compares as false, here and below
    usual = float(np.median(some)) if len(some) else 0.0
    return columns.times_us[1:][steps > own_change * usual]


def _thin(rule: ThinningRule, columns: _Columns, transients: Int64Array, held_us: int, until_us: int) -> _Columns:
    times_us = columns.times_us
    if not bool(np.all(times_us[1:] > times_us[:-1])):
        return columns
    second = times_us // THINNED_US
    first = np.flatnonzero(np.diff(second, prepend=second[0] - 1))
    counts = np.diff(first, append=len(times_us))
    start_us = second[first] * THINNED_US
    end_us = start_us + THINNED_US
    near = np.searchsorted(transients, end_us + rule.before_us) > np.searchsorted(transients, start_us - rule.after_us)
    rests = (
        (counts >= rule.min_rate_hz)
        & (np.maximum.reduceat(columns.statuses, first) == 0)
        & np.isfinite(np.add.reduceat(columns.values, first))
        & ~near
        & (start_us >= held_us)
        & (end_us <= min(until_us, int(times_us[-1]) - rule.before_us))
        & (second[first] > second[0])
    )
    if not rests.any():
        return columns
    whole = columns.of(np.flatnonzero(~np.repeat(rests, counts)))
    shorter = [
        _stand_in(columns, slice(start, start + count))
        for start, count in zip(first[rests], counts[rests], strict=True)
    ]
    joined = _Columns(
        np.concatenate([whole.times_us, *(part.times_us for part in shorter)]),
        np.concatenate([whole.received_us, *(part.received_us for part in shorter)]),
        np.concatenate([whole.values, *(part.values for part in shorter)]),
        np.concatenate([whole.statuses, *(part.statuses for part in shorter)]),
    )
    return joined.of(np.argsort(joined.times_us, kind="stable"))


def _stand_in(columns: _Columns, rows: slice) -> _Columns:
    """Mean, smallest and largest of one second; only the mean where it is all there is to say."""
    values = columns.values[rows]
    low, high = float(values.min()), float(values.max())
    # As precise as a window's float32; all of a float64 would cost more bytes than the readings it stands for.
    digits = SIGNIFICANT_DIGITS - 1 - int(np.floor(np.log10(max(abs(low), abs(high), TINY))))
    stated = np.array([low] if low == high else [round(float(values.mean()), digits), low, high])
    places = np.arange(len(stated))
    return _Columns(
        columns.times_us[rows][0] + places,
        columns.received_us[rows][0] + places,
        stated,
        np.array([_MEAN, _EXTREME, _EXTREME], np.uint8)[places],
    )
