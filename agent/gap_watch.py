"""Keeps the ledger of gaps while the agent runs: the thin driver of `agent.gap_tracker`."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from agent.core import CoreThread
from agent.gap_tracker import SILENT_AT_LEAST_US, SILENT_PERIODS, Beat, GapTracker, Watched
from agent.parts import SOURCE
from agent.status import AgentStatus
from agent.store.gaps import Gap, GapCause
from agent.store.store import Store
from edge_runtime.errors import StoreError
from edge_runtime.machine import Machine, Sensor
from edge_runtime.reading import Reading

PAUSES = 3
"""So many of the pauses that the settings allow in a row are a silence."""


class GapWatch:
    """Sees which sensors are heard and why others aren't, beat by beat."""

    def __init__(
        self, core: CoreThread, store: Store, status: AgentStatus, machine: Machine, now_us: Callable[[], int]
    ) -> None:
        self._core = core
        self._store = store
        self._status = status
        self._machine = machine
        self._now_us = now_us
        self._tracker = GapTracker(store.next_gap_number(), store.open_gaps())
        self._heard: dict[str, int] = {}
        self._late_polls: dict[str, Callable[[], int]] = {}
        self._unwritten: dict[int, Gap] = {}

    def watch(
        self, source: str, sensors: Iterable[str], pauses_s: Mapping[str, float], late_polls: Callable[[], int]
    ) -> None:
        """A source is to be heard.

        Args:
            source: its name.
            sensors: what it reads.
            pauses_s: how far apart two readings of a sensor may be, where the settings say so.
            late_polls: how many polls it has left out since it was made.
        """
        read = frozenset(sensors)
        watched = {
            sensor.name: Watched(source, _limit_us(sensor, pauses_s.get(sensor.name, 0.0)))
            for sensor in self._machine.sensors
            if sensor.name in read
        }
        self._tracker.watch(watched, self._now_us())
        self._late_polls[source] = late_polls

    def watch_only(self, sensors: Collection[str]) -> None:
        """Other settings are in force, under which these sensors are read and no others."""
        self._unwritten |= {gap.number: gap for gap in self._tracker.watch_only(sensors, self._now_us())}

    def heard(self, readings: Sequence[Reading]) -> None:
        """These were stored."""
        self._heard |= {one.sensor: one.received_time_us for one in readings if one.value == one.value}

    def clock_set(self, shift_us: int) -> None:
        """The box's clock was set by so much."""
        self._heard = {name: time_us + shift_us for name, time_us in self._heard.items()}
        self._tracker.clock_set(shift_us)

    async def beat(self, dropped: int, refused: str) -> None:
        """Write down what has begun and what is over; what can't be written now is, as soon as it can.

        Args:
            dropped: readings dropped for want of memory since the start.
            refused: why the store took nothing; empty when it did.
        """
        heard, self._heard = self._heard, {}
        counted = {(GapCause.LATE_POLLS, source): late() for source, late in self._late_polls.items()}
        counted[GapCause.OVERFLOW, ""] = dropped
        beat = Beat(self._now_us(), heard, self._faults(), counted, refused)
        self._unwritten |= {gap.number: gap for gap in self._tracker.observe(beat)}
        if self._unwritten and not refused:
            written = tuple(self._unwritten.values())
            try:
                await self._core.call(self._store.note_gaps, written)
            except StoreError:
                return  # said by whoever stores readings
            self._unwritten.clear()

    def _faults(self) -> Mapping[str, str]:
        conditions = self._status.snapshot().conditions
        return {
            part.removeprefix(SOURCE): condition.message
            for part, condition in conditions.items()
            if part.startswith(SOURCE) and not condition.healthy
        }


def _limit_us(sensor: Sensor, pause_s: float) -> int:
    """How long a sensor that is well may be silent."""
    return max(SILENT_PERIODS * sensor.step_us, SILENT_AT_LEAST_US, round(PAUSES * pause_s * 1e6))
