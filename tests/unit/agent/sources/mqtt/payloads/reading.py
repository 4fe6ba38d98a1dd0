"""Reads one payload as a topic's settings say."""

from collections.abc import Sequence

from agent.sources.mqtt.payloads.samples import Samples
from agent.sources.mqtt.settings import TopicSettings

NOW_US = 1_700_000_000_000_000
NEW_YEAR_US = 1_420_070_400_000_000


def read(payload: bytes, settings: object = "json", topic: str = "rig/S") -> Sequence[Samples]:
    """The samples in it, at NOW_US."""
    chosen = TopicSettings.model_validate({"topic": "rig/S", "sensor": "S", "payload": settings}).payload
    return chosen.reader(publish=lambda _topic, _payload: None)(topic, payload, NOW_US)
