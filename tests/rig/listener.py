"""A subscriber to the agent's topics that hears everything and forgets nothing."""

import json
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge_runtime.alert import Alert
from edge_runtime.diagnosis import Diagnosis
from tests.rig.until import until


@dataclass(frozen=True, slots=True)
class Heard:
    """One message."""

    topic: str
    payload: str
    retained: bool


class Listener:
    """Subscribed to a pattern for as long as the `with` block lasts; reconnects by itself."""

    def __init__(self, port: int, pattern: str = "hydrosight/#") -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._messages: list[Heard] = []
        self._subscribed = threading.Event()
        self._port = port
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(pattern, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._hear

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._subscribed.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self._messages.append(Heard(message.topic, message.payload.decode(), message.retain))

    @property
    def heard(self) -> list[Heard]:
        """All messages so far, in order."""
        return list(self._messages)

    @property
    def alerts(self) -> list[Alert]:
        """All alerts so far, raised and cleared, in order."""
        return [Alert.model_validate_json(item.payload) for item in self.heard if "/alerts/" in item.topic]

    @property
    def diagnoses(self) -> list[Diagnosis]:
        """All diagnoses so far, in order."""
        return [Diagnosis.model_validate_json(item.payload) for item in self.heard if item.topic.endswith("/diagnosis")]

    @property
    def statuses(self) -> list[str]:
        """What was said about the agent itself."""
        return [item.payload for item in self.heard if item.topic.endswith("/status")]


def publish(port: int, *messages: tuple[str, bytes]) -> None:
    """Publish topics and payloads in order, with QoS 1, and wait until the broker has them."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        sent = [client.publish(topic, payload, qos=1) for topic, payload in messages]
        for message in sent:
            message.wait_for_publish(10)
    finally:
        client.disconnect()
        client.loop_stop()


def retained(port: int, pattern: str = "hydrosight/#", *, at_least: int = 1) -> dict[str, object]:
    """What the broker keeps for newcomers: topic and payload, decoded where it is JSON."""
    with Listener(port, pattern) as listener:
        until(lambda: len(listener.heard) >= at_least, f"{at_least} retained messages")
        kept = [item for item in listener.heard if item.retained]
    return {item.topic: json.loads(item.payload) if item.payload[:1] in "{[" else item.payload for item in kept}
