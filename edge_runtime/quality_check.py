"""Judges readings as they come, before they are stored: which are not to be believed, and why.

A pure state machine over columns: `judge` takes the state and a beat's readings and gives their statuses and the next
state. Most of a beat is judged for all sensors at once; only a sensor whose values jump is followed one by one.

| reason | what | quality |
| --- | --- | --- |
| NOT_A_NUMBER | NaN or infinite | bad |
| OUT_OF_RANGE | outside `valid_min` … `valid_max` | bad |
| FLAT_LINED | rests exactly on one of `Sensor.ends`, for ten periods and at least a second | bad |
| JUMP | changes faster than `max_change_per_s`, until three in a row agree on the new level | bad |
| STUCK | moves by no more than `stuck_below` for `stuck_after_s` | bad |
| STALE | comes again with the same source time, for ten periods and at least five seconds | uncertain |
| IMPLAUSIBLE | the sensor contradicts others (see plausibility.py) | uncertain |

Times are the source's, so that a recording played fast or a backlog is judged as it was measured. Where the source has
found a worse quality itself, that stays.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from edge_runtime.jump import Level, Track, follow
from edge_runtime.machine import Machine
from edge_runtime.quality import Quality, Reason, UInt8Array, quality_of, status
from edge_runtime.reading import Float64Array, Int64Array
from edge_runtime.stillness import GAP_SHARE, Batch, BoolArray, Stillness, placed

FLAT_PERIODS = 10
FLAT_AT_LEAST_US = 1_000_000
STALE_PERIODS = 10
STALE_AT_LEAST_US = 5_000_000
PIECE_US = 10_000_000
"""A beat that spans more, such as a backlog, is judged in pieces of about this length."""

_NAN = status(Quality.BAD, Reason.NOT_A_NUMBER)
_OUT_OF_RANGE = status(Quality.BAD, Reason.OUT_OF_RANGE)
_FLAT = status(Quality.BAD, Reason.FLAT_LINED)
_JUMP = status(Quality.BAD, Reason.JUMP)
_STUCK = status(Quality.BAD, Reason.STUCK)
_STALE = status(Quality.UNCERTAIN, Reason.STALE)
_IMPLAUSIBLE = status(Quality.UNCERTAIN, Reason.IMPLAUSIBLE)
_NEVER = np.iinfo(np.int64).min // 4


class Readings(Protocol):
    """Readings in columns, grouped by sensor, in order of arrival within each; a block of the store is one."""

    @property
    def sensors(self) -> tuple[str, ...]:
        """Their names, each once."""

    @property
    def counts(self) -> Int64Array:
        """int64 [sensors], number of readings of each, at least 1."""

    @property
    def times_us(self) -> Int64Array:
        """int64 [n], source times."""

    @property
    def received_us(self) -> Int64Array:
        """int64 [n]."""

    @property
    def values(self) -> Float64Array:
        """float64 [n]."""

    @property
    def statuses(self) -> UInt8Array:
        """uint8 [n]."""


@dataclass(frozen=True, slots=True)
class CheckState:
    """What was read so far, an entry a sensor of the machine.

    Attributes:
        seen_us: source time of the last reading.
        believed: its value; of a sensor in `tracks`, what is believed is there.
        tracks: of those sensors whose newest reading jumps.
        still: runs within `stuck_below`.
        resting: runs without any change.
        fresh_us: arrival of the reading that brought the last new source time.
    """

    seen_us: Int64Array
    believed: Float64Array
    tracks: Mapping[int, Track]
    still: Stillness
    resting: Stillness
    fresh_us: Int64Array


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows of some readings, still grouped by sensor: `sensor` [g] are the groups, `row` [n] the group of each row."""

    sensor: Int64Array
    counts: Int64Array
    times_us: Int64Array
    received_us: Int64Array
    values: Float64Array
    row: Int64Array = field(init=False)
    first: Int64Array = field(init=False)
    last: Int64Array = field(init=False)

    def __post_init__(self) -> None:
        ends = np.cumsum(self.counts)
        object.__setattr__(self, "row", np.repeat(np.arange(len(self.counts)), self.counts))
        object.__setattr__(self, "first", ends - self.counts)
        object.__setattr__(self, "last", ends - 1)

    def where(self, chosen: BoolArray) -> "_Piece":
        """Only these rows; groups without any are left out."""
        counts = np.bincount(self.row[chosen], minlength=len(self.counts))
        some = counts > 0
        return _Piece(
            self.sensor[some], counts[some], self.times_us[chosen], self.received_us[chosen], self.values[chosen]
        )


class QualityCheck:
    """The limits of one machine's sensors."""

    def __init__(self, machine: Machine) -> None:
        sensors = machine.sensors
        self._index = machine.sensor_index
        self._low = np.array([sensor.valid_min for sensor in sensors])
        self._high = np.array([sensor.valid_max for sensor in sensors])
        self._period_us = np.array([sensor.step_us for sensor in sensors], np.int64)
        self._change_per_us = np.array([(sensor.max_change_per_s or np.inf) / 1e6 for sensor in sensors])
        self._has_change_limit = np.isfinite(self._change_per_us)
        # No span is less than nothing: a sensor that may rest is never still.
        self._stuck_below = np.array([-1.0 if sensor.stuck_below is None else sensor.stuck_below for sensor in sensors])
        self._stuck_us = np.maximum(
            np.array([round(sensor.stuck_after_s * 1e6) for sensor in sensors], np.int64), 10 * self._period_us
        )
        self._ends = np.array([(*sensor.ends, np.nan, np.nan)[:2] for sensor in sensors]).T
        self._flat_us = np.maximum(FLAT_PERIODS * self._period_us, FLAT_AT_LEAST_US)
        self._stale_us = np.maximum(STALE_PERIODS * self._period_us, STALE_AT_LEAST_US)

    def begin(self) -> CheckState:
        """The state before the first reading."""
        count = len(self._low)
        return CheckState(
            np.full(count, _NEVER, np.int64),
            np.full(count, np.nan),
            {},
            Stillness.unknown(count),
            Stillness.unknown(count),
            np.full(count, _NEVER, np.int64),
        )

    def judge(
        self, state: CheckState, readings: Readings, doubted: Collection[str] = ()
    ) -> tuple[UInt8Array, CheckState]:
        """Judge readings that follow on those that led to `state`.

        Args:
            state: of all earlier readings; it is left as it is.
            readings: of sensors of the machine, with what the sources say of them.
            doubted: sensors that contradict others.

        Returns:
            Their statuses, uint8 [n], and the state after them.
        """
        sensor = np.array([self._index[name] for name in readings.sensors], np.int64)
        piece = _Piece(sensor, readings.counts, readings.times_us, readings.received_us, readings.values)
        group_sensor = sensor[piece.row]
        finite = np.isfinite(piece.values)
        inside = (piece.values >= self._low[group_sensor]) & (piece.values <= self._high[group_sensor])
        found = np.where(finite, np.where(inside, 0, _OUT_OF_RANGE), _NAN).astype(np.uint8)
        usable = inside & (quality_of(readings.statuses) != Quality.BAD)
        if usable.all():
            found, state = self._follow_all(state, piece)
        elif usable.any():
            found[usable], state = self._follow_all(state, piece.where(usable))
        statuses = np.where(quality_of(found) > quality_of(readings.statuses), found, readings.statuses)
        if doubted:
            suspect = np.array([name in doubted for name in readings.sensors])[piece.row]
            statuses[suspect & (quality_of(statuses) == Quality.GOOD)] = _IMPLAUSIBLE
        return statuses, state

    def _follow_all(self, state: CheckState, piece: _Piece) -> tuple[UInt8Array, CheckState]:
        """Statuses and next state of usable readings, however long they span."""
        span_us = int((piece.times_us[piece.last] - piece.times_us[piece.first]).max())
        parts = min(-(-span_us // PIECE_US), int(piece.counts.max()))
        if parts <= 1:
            return self._follow(state, piece)
        statuses = np.zeros(len(piece.values), np.uint8)
        position = np.arange(len(piece.row)) - piece.first[piece.row]
        part = position * parts // piece.counts[piece.row]
        for number in range(parts):
            chosen = part == number
            statuses[chosen], state = self._follow(state, piece.where(chosen))
        return statuses, state

    def _follow(self, state: CheckState, piece: _Piece) -> tuple[UInt8Array, CheckState]:
        sensor, first, last = piece.sensor, piece.first, piece.last
        elapsed_us = np.diff(piece.times_us, prepend=np.int64(0))
        elapsed_us[first] = np.where(state.seen_us[sensor] == _NEVER, 0, piece.times_us[first] - state.seen_us[sensor])
        batch = Batch(
            piece.times_us[first],
            piece.times_us[last],
            np.minimum.reduceat(piece.values, first),
            np.maximum.reduceat(piece.values, first),
            piece.values[last],
            piece.counts,
            (np.minimum.reduceat(elapsed_us, first) < 0)
            | (np.maximum.reduceat(elapsed_us, first) > self._stuck_us[sensor] // GAP_SHARE),
        )
        still = state.still.of(sensor).after(batch, self._stuck_below[sensor])
        resting = state.resting.of(sensor).after(batch, np.zeros(len(sensor)))
        fresh = batch.last_us != state.seen_us[sensor]
        fresh_us = np.where(fresh, piece.received_us[last], state.fresh_us[sensor])

        statuses = np.zeros(len(piece.values), np.uint8)
        at_end = (resting.low == self._ends[0][sensor]) | (resting.low == self._ends[1][sensor])
        # The worst comes last and stays.
        _mark_since(statuses, _STALE, piece, ~fresh, piece.received_us, fresh_us, self._stale_us[sensor])
        stuck = still.lasting(batch.last_us, self._stuck_us[sensor])
        _mark_since(statuses, _STUCK, piece, stuck, piece.times_us, still.since_us, self._stuck_us[sensor])
        tracks = self._mark_jumps(statuses, state, piece, elapsed_us)
        flat = at_end & resting.lasting(batch.last_us, self._flat_us[sensor])
        _mark_since(statuses, _FLAT, piece, flat, piece.times_us, resting.since_us, self._flat_us[sensor])
        return statuses, CheckState(
            placed(state.seen_us, sensor, batch.last_us),
            placed(state.believed, sensor, batch.last),
            tracks,
            state.still.put(sensor, still),
            state.resting.put(sensor, resting),
            placed(state.fresh_us, sensor, fresh_us),
        )

    def _mark_jumps(
        self, statuses: UInt8Array, state: CheckState, piece: _Piece, elapsed_us: Int64Array
    ) -> Mapping[int, Track]:
        """Mark readings that jump; gives the sensors that are followed singly from here on."""
        sensor = piece.sensor
        if not self._has_change_limit[sensor].any():
            return state.tracks
        before = np.roll(piece.values, 1)
        before[piece.first] = state.believed[sensor]
        allowed = self._change_per_us[sensor][piece.row] * np.maximum(elapsed_us, self._period_us[sensor][piece.row])
        jumped = np.bincount(piece.row, (elapsed_us > 0) & (np.abs(piece.values - before) > allowed))
        tracks = dict(state.tracks)
        for group, number in enumerate(sensor.tolist()):
            if not jumped[group] and number not in tracks:
                continue
            rows = slice(piece.first[group], piece.last[group] + 1)
            jumps, track = follow(
                tracks.pop(number) if number in tracks else self._track(state, number, piece, group),
                piece.times_us[rows],
                piece.values[rows],
                per_us=float(self._change_per_us[number]),
                period_us=int(self._period_us[number]),
            )
            statuses[rows][jumps] = _JUMP
            if track.candidate is not None:
                tracks[number] = track
        return tracks

    @staticmethod
    def _track(state: CheckState, number: int, piece: _Piece, group: int) -> Track:
        if state.seen_us[number] == _NEVER:
            row = piece.first[group]
            return Track(Level(float(piece.values[row]), int(piece.times_us[row])))
        return Track(Level(float(state.believed[number]), int(state.seen_us[number])))


def _mark_since(
    statuses: UInt8Array,
    found: int,
    piece: _Piece,
    concerned: BoolArray,
    clock_us: Int64Array,
    since_us: Int64Array,
    limit_us: Int64Array,
) -> None:
    """Mark the readings of the groups concerned whose clock is `limit_us` or more past the group's `since_us`."""
    if concerned.any():
        row = piece.row
        statuses[concerned[row] & (clock_us - since_us[row] >= limit_us[row])] = found
