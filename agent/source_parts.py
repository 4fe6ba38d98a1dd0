"""Makes the parts that read sources, and knows how each of them fares."""

from functools import partial

from agent.box_clock import BoxClock
from agent.clock_keeper import DoubtedArrivals
from agent.gap_watch import GapWatch
from agent.intake import Intake
from agent.parts import Part, source_part_name
from agent.remote.probation import SourceHealth
from agent.settings import AgentSettings, OneSource
from agent.sources.base import Source, SourceCounters, SourceStatus
from agent.sources.modbus.settings import ModbusSettings
from agent.sources.modbus.source import ModbusSource
from agent.sources.mqtt.source import MqttSource
from agent.status import AgentStatus
from edge_runtime.machine import Machine


class SourceParts:
    """Sources by name; one that was replaced is forgotten."""

    def __init__(self, machine: Machine, intake: Intake, gaps: GapWatch, clock: BoxClock, status: AgentStatus) -> None:
        self._machine = machine
        self._intake = intake
        self._gaps = gaps
        self._clock = clock
        self._status = status
        self._sources: dict[str, Source] = {}

    def part(self, settings: OneSource) -> Part:
        """A source, ready to run."""
        source: Source
        if isinstance(settings, ModbusSettings):
            source = ModbusSource(settings, now_us=self._clock.now_us)
            pauses_s = settings.longest_pause_s
        else:
            pauses_s = {}
            source = MqttSource(
                settings,
                machine=self._machine.name,
                sensors=frozenset(self._machine.sensor_index),
                now_us=self._clock.now_us,
                hurry=self._intake.hurry,
            )
        counters = source.counters
        self._gaps.watch(source.name, source.sensors, pauses_s, lambda: counters.late_polls)
        self._sources[source.name] = source
        part = source_part_name(source.name)
        self._status.report(part, healthy=True, message="started")
        return Part(part, partial(source.run, DoubtedArrivals(self._clock, self._intake.deliver), self._report))

    def settled(self, settings: AgentSettings) -> None:
        """Sensors that no source reads under these settings aren't missed any more."""
        self._gaps.watch_only(frozenset(sensor for source in settings.sources.every for sensor in source.sensors))

    def counters(self) -> dict[str, SourceCounters]:
        """What each source that runs has counted so far, by its name; for other threads too."""
        conditions = self._status.snapshot().conditions
        return {
            name: source.counters.copy()
            for name, source in self._sources.copy().items()
            if source_part_name(name) in conditions
        }

    def health(self) -> dict[str, SourceHealth]:
        """How each source that runs is."""
        conditions = self._status.snapshot().conditions
        return {
            name: SourceHealth(conditions[part].healthy, source.counters.readings)
            for name, source in self._sources.items()
            if (part := source_part_name(name)) in conditions
        }

    def _report(self, status: SourceStatus) -> None:
        part = source_part_name(status.name)
        message = status.message or "reads its sensors again"
        self._status.report(part, healthy=status.healthy, message=message, hint=status.hint)
