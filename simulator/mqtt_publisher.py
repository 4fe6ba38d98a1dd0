"""The simulated machine's MQTT sensors."""

import asyncio
import logging
from collections import deque
from typing import NoReturn

import aiomqtt

from edge_runtime.cancellation import check_cancelled
from edge_runtime.errors import SourceError
from simulator.endpoint import Endpoint
from simulator.replay import Instant
from simulator.wiring import Wiring, mqtt_payload

RETRY_S = 0.5
TIMEOUT_S = 5.0
LONGEST_BACKLOG = 10_000
"""Messages kept while the broker is away, as a sensor with a small memory would; the oldest go first."""

_QUIET = logging.getLogger(f"{__name__}.paho")
_QUIET.setLevel(logging.CRITICAL)


class MqttPublisher:
    """Publishes samples with QoS 1, in order, and again after the broker was away."""

    def __init__(self, broker: Endpoint, wiring: Wiring) -> None:
        self._broker = broker
        self._topics = wiring.topics
        self._backlog: deque[tuple[str, bytes]] = deque(maxlen=LONGEST_BACKLOG)
        self._more = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def publish(self, instant: Instant) -> None:
        """Queue the samples of an instant."""
        for sensor, value in instant.samples:
            if sensor in self._topics:
                self._backlog.append((self._topics[sensor], mqtt_payload(instant.time_us, value)))
                self._empty.clear()
                self._more.set()

    async def published(self) -> None:
        """Wait until the broker has everything that was queued."""
        await self._empty.wait()

    async def check(self) -> None:
        """Connect once.

        Raises:
            SourceError: there is no broker.
        """
        try:
            async with self._client():
                pass
        except aiomqtt.MqttError as error:
            raise SourceError(
                f"no MQTT broker at {self._broker}: {error}",
                hint="Start one, for example: mosquitto -p 1883, and name it with --mqtt.",
            ) from error

    async def run(self) -> NoReturn:
        """Publish what is queued until cancelled; a broker that goes away is tried again for ever."""
        while True:
            await self._more.wait()
            try:
                async with self._client() as client:
                    await self._drain(client)
            except aiomqtt.MqttError:
                check_cancelled()  # a broker that doesn't answer our goodbye raises in its place
            await asyncio.sleep(RETRY_S)

    async def _drain(self, client: aiomqtt.Client) -> NoReturn:
        while True:
            await self._more.wait()
            while self._backlog:
                topic, payload = message = self._backlog[0]
                await client.publish(topic, payload, qos=1)
                check_cancelled()
                if self._backlog[0] is message:
                    self._backlog.popleft()
            self._more.clear()
            self._empty.set()

    def _client(self) -> aiomqtt.Client:
        return aiomqtt.Client(self._broker.host, self._broker.port, timeout=TIMEOUT_S, keepalive=15, logger=_QUIET)
