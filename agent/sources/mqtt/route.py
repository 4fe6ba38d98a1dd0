"""From a message to readings of the machine's sensors. No I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

from agent.sources.mqtt.message import Message
from agent.sources.mqtt.payloads.samples import Publish, Samples, excerpt
from agent.sources.mqtt.settings import MqttSettings, TopicSettings
from agent.sources.mqtt.topics import SensorNames
from edge_runtime.errors import SourceError
from edge_runtime.quality import Quality, Reason
from edge_runtime.reading import Reading
from edge_runtime.unit_conversion import CONVERSIONS

REMEMBERED_TOPICS = 50_000


@dataclass(frozen=True, slots=True)
class Understood:
    """What a message came to.

    Attributes:
        readings: of the machine's sensors.
        unknown: what the message calls sensors that the machine doesn't have.
    """

    readings: Sequence[Reading] = ()
    unknown: Sequence[str] = ()


class Route:
    """How to understand the messages of one entry in the settings."""

    def __init__(self, settings: TopicSettings, sensors: frozenset[str], publish: Publish) -> None:
        """`sensors` may be named by topic or payload; `publish` answers the sender."""
        self._settings = settings
        self._expression = settings.pattern.expression
        known = settings.sensors | sensors if settings.takes_any else settings.sensors
        self._names = SensorNames(known, settings.names)
        self._read = settings.payload.reader(publish)
        self._conversions = {"": (settings.scale, settings.offset)}

    def named_by(self, topic: str) -> str | None:
        """What the topic calls the sensor, empty when it doesn't; None when the topic isn't one of this entry."""
        found = self._expression.fullmatch(topic)
        if found is None:
            return None
        return found.groupdict().get("sensor", "")

    def understand(self, message: Message, named: str, now_us: int) -> Understood:
        """The readings in a message that arrived at `now_us`, on a topic that names the sensor so.

        A value without a time in a retained message is no reading: nobody knows how old it is.

        Raises:
            SourceError: the payload isn't in the format of this topic.
        """
        readings: list[Reading] = []
        unknown: list[str] = []
        for samples in self._samples(message, now_us):
            if message.retained and (samples.times_us is None or samples.times_us[-1] == now_us):
                continue
            called = samples.name or named
            sensor = self._names.sensor(called) if called else self._settings.sensor
            if sensor is None:
                unknown.append(called or message.topic)
            else:
                self._append(readings, sensor, samples, now_us)
        return Understood(readings, unknown)

    def _samples(self, message: Message, now_us: int) -> Sequence[Samples]:
        try:
            return self._read(message.topic, message.payload, now_us)
        except SourceError as error:
            raise SourceError(f"payload {excerpt(message.payload)}: {error}", hint=error.hint) from error

    def _append(self, readings: list[Reading], sensor: str, samples: Samples, now_us: int) -> None:
        scale, offset = self._conversion(samples.unit)
        quality, reason = samples.quality, samples.reason
        times_us = repeat(now_us) if samples.times_us is None else samples.times_us
        values = [raw * scale + offset for raw in samples.values]
        if all(map(math.isfinite, values)):
            parts = (repeat(sensor), values, repeat(quality), times_us, repeat(now_us), repeat(reason))
            readings.extend(map(Reading, *parts))
            return
        bad = Reason.NOT_A_NUMBER if reason is Reason.NONE else reason
        for value, time_us in zip(values, times_us, strict=False):
            if math.isfinite(value):
                readings.append(Reading(sensor, value, quality, time_us, now_us, reason))
            else:
                readings.append(Reading(sensor, math.nan, Quality.BAD, time_us, now_us, bad))

    def _conversion(self, stated: str) -> tuple[float, float]:
        """Scale and offset from the payload's number to the canonical unit.

        Raises:
            SourceError: the payload states a unit that isn't known.
        """
        unit = stated or self._settings.unit or ""
        if unit not in self._conversions:
            conversion = CONVERSIONS.get(unit)
            if conversion is None:
                raise SourceError(f"unit {unit[:40]!r} is not known", hint=f"Known are {', '.join(CONVERSIONS)}.")
            scale, offset = self._settings.scale, self._settings.offset
            self._conversions[unit] = (
                scale * conversion.factor,
                offset * conversion.factor + conversion.offset,
            )
        return self._conversions[unit]


class Routes:
    """Finds the entry that a topic belongs to: the exact one, else the first whose pattern fits."""

    def __init__(self, settings: MqttSettings, sensors: frozenset[str], publish: Publish) -> None:
        """`sensors` are those that topics or payloads may name beside those in the settings."""
        ordered = sorted(settings.topics, key=lambda topic: not topic.pattern.is_exact)
        self._routes = [Route(topic, sensors, publish) for topic in ordered]
        self._found: dict[str, tuple[Route, str] | None] = {}

    def find(self, topic: str) -> tuple[Route, str] | None:
        """The entry, and what the topic calls the sensor; None when no entry fits."""
        try:
            return self._found[topic]
        except KeyError:
            found = self._search(topic)
            if len(self._found) < REMEMBERED_TOPICS:
                self._found[topic] = found
            return found

    def _search(self, topic: str) -> tuple[Route, str] | None:
        for route in self._routes:
            named = route.named_by(topic)
            if named is not None:
                return route, named
        return None
