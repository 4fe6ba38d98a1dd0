"""Sensors that publish over MQTT."""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

import structlog

from agent.sources.backoff import backoff_delays
from agent.sources.base import UNREACHABLE, Deliver, Report, SourceCounters, StatusLine
from agent.sources.mqtt.broker import broker_of
from agent.sources.mqtt.connection import BrokerRefusedError, BrokerSilentError, BrokerUnreachableError, MqttConnection
from agent.sources.mqtt.message import Message
from agent.sources.mqtt.route import Routes
from agent.sources.mqtt.session import Arrival, Batch, Session
from agent.sources.mqtt.settings import MqttSettings, Protocol, ProtocolChoice
from edge_runtime.errors import SourceError
from edge_runtime.reading import Reading

log = structlog.get_logger("agent.sources.mqtt")
FIRST_RETRY_S = 0.5
GOOD_AGAIN = 10
"""Messages in a row that a topic must get right after a wrong one before the fault counts as over."""

MAX_UNSTORED = 100_000
"""Readings that may wait to be stored while the broker keeps them too; then we hang up until half of them are."""

LAST_STORED_S = 1.0
"""So long a source that is stopped waits for what it has delivered to be stored."""

MAX_NOTED = 1_000
"""Topics with a fault that are told apart; more are only counted."""

UNKNOWN_SHOWN = 20
"""Unknown sensors that are named in the log; more are only counted."""


class MqttSource:
    """Reads topics of a broker, and reconnects by itself.

    Its session outlives the connection: what is published with QoS 1 while it is away, the broker keeps for it.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        machine: str,
        now_us: Callable[[], int],
        sensors: frozenset[str] = frozenset(),
        hurry: Callable[[], None] = lambda: None,
        rng: random.Random | None = None,
    ) -> None:
        """What it reads, and for whom.

        Args:
            settings: of the broker and its topics.
            machine: its name, a part of the client id.
            now_us: the box's time, microseconds since 1970 UTC.
            sensors: that topics or payloads may name beside those in the settings.
            hurry: called when the broker waits for readings to be stored.
            rng: the jitter of the back-off.
        """
        self.name = settings.name
        self.sensors = settings.sensors
        self.counters = SourceCounters()
        self._settings = settings
        self._client_id = settings.identifier(machine)
        self._routes = Routes(settings, sensors, self._publish)
        self._good_since_fault: dict[str, int] = {}
        self._unknown: set[str] = set()
        self._now_us = now_us
        self._hurry = hurry
        self._rng = rng or random.Random()  # noqa: S311  jitter isn't a secret
        self._retries = self._fresh_retries()
        self._protocol = settings.first_protocol
        self._session = Session()
        self._room = asyncio.Event()
        self._connection: MqttConnection | None = None

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Read until cancelled."""
        status = StatusLine(self.name, report)
        while True:
            try:
                await self._read(deliver, status)
            except BrokerRefusedError as error:
                if error.unsupported and self._may_step_down():
                    continue
                status.faulty(f"{self}: {error}", error.hint)
            except BrokerSilentError as error:
                if self._may_step_down():
                    continue
                self._protocol = self._settings.first_protocol
                status.faulty(f"{self}: {error}", error.hint, kind=UNREACHABLE)
            except BrokerUnreachableError as error:
                status.faulty(f"{self}: {error}", error.hint, kind=UNREACHABLE)
            except SourceError as error:
                status.faulty(f"{self}: {error}", error.hint)
            await self._room_for_more()
            await asyncio.sleep(next(self._retries))
            self.counters.reconnects += 1

    def __str__(self) -> str:
        return f"{self.name} ({self._settings.host}:{self._settings.port})"

    async def _read(self, deliver: Deliver, status: StatusLine) -> None:
        """Connect, subscribe and take messages until the connection breaks.

        Raises:
            SourceError: it did, a file is missing, or the broker refuses us or a topic.
        """
        self._connection = connection = MqttConnection(broker_of(self._settings, self._protocol, self._client_id))
        try:
            self._session.connected(resumed=await connection.open())
            await self._subscribe(connection)
            self._retries = self._fresh_retries()
            if not self._good_since_fault:
                status.healthy()
            waits = self._settings.acknowledge.waits(self._protocol)
            window = self._settings.in_flight_with(self._protocol)
            while True:
                self._take(await connection.messages(), deliver, status, waits=waits)
                if 2 * self._session.messages >= window:
                    self._hurry()
                if self._session.readings > MAX_UNSTORED:
                    raise SourceError(
                        f"{self._session.readings} readings wait to be stored; the broker keeps the rest meanwhile",
                        hint="`hydrosight status` says what is wrong with the store.",
                    )
        except asyncio.CancelledError:
            await self._last_stored()
            raise
        finally:
            self._connection = None
            connection.close()

    async def _subscribe(self, connection: MqttConnection) -> None:
        filters = [topic.pattern.filter for topic in self._settings.topics]
        for topic, why in zip(filters, await connection.subscribe(filters), strict=True):
            if why:
                raise SourceError(
                    f"the broker refuses topic {topic}: {why}", hint="Let this user read it in the broker's ACL."
                )

    def _take(self, messages: Sequence[Message], deliver: Deliver, status: StatusLine, *, waits: bool) -> None:
        """Deliver what has arrived together; what needs it is acknowledged now, or once it is stored."""
        kept: list[int] = []
        promised: list[Reading] = []
        others: list[Reading] = []
        for message in messages:
            if not message.number or not waits:
                others.extend(self._understand(message, status))
                continue
            match self._session.arrived(message):
                case Arrival.NEW:
                    kept.append(message.number)
                    promised.extend(self._understand(message, status))
                case Arrival.STORED:
                    self._acknowledge((message.number,))
        self.counters.readings += len(promised) + len(others)
        if others:
            deliver(others)
        if kept:
            batch = self._session.delivered(kept, len(promised))
            deliver(promised, lambda: self._stored(batch))
        if not waits:
            self._acknowledge(message.number for message in messages if message.number)

    def _stored(self, batch: Batch) -> None:
        self._acknowledge(self._session.stored(batch))
        if self._session.readings <= MAX_UNSTORED // 2:
            self._room.set()

    def _understand(self, message: Message, status: StatusLine) -> Sequence[Reading]:
        """The readings in a message; none when it isn't understood, which is counted and said."""
        found = self._routes.find(message.topic)
        if found is None:
            return ()
        route, named = found
        try:
            understood = route.understand(message, named, self._now_us())
        except SourceError as error:
            self._note_malformed(message.topic, error, status)
            return ()
        if self._good_since_fault:
            self._note_good(message.topic, status)
        if understood.unknown:
            self._note_unknown(understood.unknown, message.topic)
        return understood.readings

    def _note_malformed(self, topic: str, error: SourceError, status: StatusLine) -> None:
        self.counters.malformed += 1
        if topic not in self._good_since_fault:
            if len(self._good_since_fault) >= MAX_NOTED:
                return
            status.faulty(
                f"{self}: topic {topic}: {error}",
                error.hint or 'Publish a number, or {"value": 1.5, "time": "2015-01-01T00:00:00Z"}, or set `payload`.',
            )
        self._good_since_fault[topic] = 0

    def _note_good(self, topic: str, status: StatusLine) -> None:
        if topic in self._good_since_fault:
            self._good_since_fault[topic] += 1
            if self._good_since_fault[topic] >= GOOD_AGAIN:
                del self._good_since_fault[topic]
                if not self._good_since_fault:
                    status.healthy()

    def _note_unknown(self, names: Sequence[str], topic: str) -> None:
        self.counters.unknown += len(names)
        for name in names:
            if name not in self._unknown and len(self._unknown) < UNKNOWN_SHOWN:
                self._unknown.add(name)
                log.warning("unknown_sensor", source=self.name, topic=topic, sensor=name)

    def _acknowledge(self, numbers: Iterable[int]) -> None:
        if self._connection is not None:
            self._connection.acknowledge(numbers)

    def _publish(self, topic: str, payload: bytes) -> None:
        if self._connection is not None:
            self._connection.publish(topic, payload)

    async def _room_for_more(self) -> None:
        """Wait until enough is stored to connect again."""
        while self._session.readings > MAX_UNSTORED // 2:
            self._room.clear()
            self._hurry()
            await self._room.wait()

    async def _last_stored(self) -> None:
        """Wait a moment until everything is stored and acknowledged: what is not, the broker sends again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_STORED_S):
                while self._session.messages:
                    self._room.clear()
                    self._hurry()
                    await self._room.wait()

    def _may_step_down(self) -> bool:
        """Use 3.1.1 from now on, if we may."""
        may = self._settings.protocol is ProtocolChoice.AUTO and self._protocol is Protocol.V5
        if may:
            self._protocol = Protocol.V311
        return may

    def _fresh_retries(self) -> Iterator[float]:
        return backoff_delays(FIRST_RETRY_S, self._settings.longest_retry_s, self._rng)
