"""Sensors that publish over MQTT."""

import asyncio
import logging
import math
import random
import ssl
from collections.abc import Callable, Iterator

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from agent.sources.backoff import backoff_delays
from agent.sources.base import UNREACHABLE, Deliver, Report, SourceCounters, StatusLine
from agent.sources.mqtt_settings import MqttSettings, TopicSettings
from agent.sources.payload import parse_payload
from edge_runtime.cancellation import check_cancelled
from edge_runtime.errors import SourceError
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading

FIRST_RETRY_S = 0.5
GOOD_AGAIN = 10
"""Messages in a row that a topic must get right after a wrong one before the fault counts as over."""

AT_LEAST_ONCE = 1

# What paho logs comes back as an exception too, and is reported once.
_QUIET = logging.getLogger(f"{__name__}.paho")
_QUIET.setLevel(logging.CRITICAL)


class MqttSource:
    """Reads one topic per sensor from a broker, and reconnects by itself.

    Its session outlives the connection: what is published with QoS 1 while it is away, the broker keeps for it.
    """

    def __init__(self, settings: MqttSettings, *, now_us: Callable[[], int], rng: random.Random | None = None) -> None:
        """`now_us` gives the box's time, microseconds since 1970 UTC; `rng` the jitter of the back-off."""
        self.name = settings.name
        self.sensors = settings.sensors
        self.counters = SourceCounters()
        self._settings = settings
        self._topics = {topic.topic: topic for topic in settings.topics}
        self._good_since_fault: dict[str, int] = {}
        self._now_us = now_us
        self._rng = rng or random.Random()  # noqa: S311  jitter isn't a secret
        self._retries = self._fresh_retries()

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Read until cancelled."""
        status = StatusLine(self.name, report)
        while True:
            try:
                await self._read(deliver, status)
            except aiomqtt.MqttError as error:
                check_cancelled()  # a broker that doesn't answer our goodbye raises in its place
                status.faulty(
                    f"{self}: no connection: {error}",
                    "Check that the broker runs and host, port, username and TLS settings are right.",
                    kind=str(error) if isinstance(error, MqttConnectError) else UNREACHABLE,
                )
            except SourceError as error:
                status.faulty(str(error), error.hint)
            await asyncio.sleep(next(self._retries))
            self.counters.reconnects += 1

    def __str__(self) -> str:
        return f"{self.name} ({self._settings.host}:{self._settings.port})"

    async def _read(self, deliver: Deliver, status: StatusLine) -> None:
        """Connect, subscribe and take messages until the connection breaks.

        Raises:
            SourceError: a file is missing, or the broker refuses a topic.
            MqttError: of aiomqtt: no connection.
        """
        async with self._client() as client:
            subscriptions = [(topic, AT_LEAST_ONCE) for topic in self._topics]
            answers = await client.subscribe(subscriptions)
            check_cancelled()
            for topic, granted in zip(self._topics, answers, strict=True):
                if isinstance(granted, ReasonCode) and granted.is_failure:
                    raise SourceError(
                        f"{self}: the broker refuses topic {topic}", hint="Let this user read it in the broker's ACL."
                    )
            self._retries = self._fresh_retries()
            if not self._good_since_fault:
                status.healthy()
            async for message in client.messages:
                reading = self._understand(message, status)
                if reading is not None:
                    self.counters.readings += 1
                    deliver((reading,))

    def _understand(self, message: aiomqtt.Message, status: StatusLine) -> Reading | None:
        """The reading in a message; None when there is none, or when nobody can say how old it is."""
        topic = self._topics.get(message.topic.value)
        if topic is None:
            return None
        received_us = self._now_us()
        try:
            payload = parse_payload(bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b"")
        except SourceError as error:
            self._note_malformed(topic, str(error), status)
            return None
        self._note_good(topic, status)
        if payload.time_us is None and message.retain:
            return None
        value = payload.value * topic.scale + topic.offset
        return Reading(
            sensor=topic.sensor,
            value=value if math.isfinite(value) else math.nan,
            quality=Quality.GOOD if math.isfinite(value) else Quality.BAD,
            source_time_us=received_us if payload.time_us is None else payload.time_us,
            received_time_us=received_us,
        )

    def _note_malformed(self, topic: TopicSettings, why: str, status: StatusLine) -> None:
        self.counters.malformed += 1
        if topic.topic not in self._good_since_fault:
            status.faulty(
                f"{self}: topic {topic.topic}: {why}",
                'Publish a number, or {"value": 1.5, "time": "2015-01-01T00:00:00Z"}.',
            )
        self._good_since_fault[topic.topic] = 0

    def _note_good(self, topic: TopicSettings, status: StatusLine) -> None:
        if topic.topic in self._good_since_fault:
            self._good_since_fault[topic.topic] += 1
            if self._good_since_fault[topic.topic] >= GOOD_AGAIN:
                del self._good_since_fault[topic.topic]
                if not self._good_since_fault:
                    status.healthy()

    def _client(self) -> aiomqtt.Client:
        settings = self._settings
        return aiomqtt.Client(
            settings.host,
            settings.port,
            identifier=settings.identifier,
            clean_session=False,
            username=settings.username,
            password=self._password(),
            tls_context=self._tls_context(),
            keepalive=settings.keepalive_s,
            timeout=settings.timeout_s,
            logger=_QUIET,
        )

    def _password(self) -> str | None:
        file = self._settings.password_file
        if file is None:
            return None
        try:
            return file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(
                f"{self}: password file {file} can't be read: {error}",
                hint="Check the path and that this user may read the file.",
            ) from error

    def _tls_context(self) -> ssl.SSLContext | None:
        settings = self._settings
        if not settings.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=settings.ca_file)
            if settings.certificate_file:
                context.load_cert_chain(settings.certificate_file, settings.key_file)
        except OSError as error:
            raise SourceError(
                f"{self}: ca_file, certificate_file or key_file can't be used: {error}",
                hint="Check that the files are there, in PEM format, and that this user may read them.",
            ) from error
        return context

    def _fresh_retries(self) -> Iterator[float]:
        return backoff_delays(FIRST_RETRY_S, self._settings.longest_retry_s, self._rng)
