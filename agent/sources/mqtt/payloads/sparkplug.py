"""The messages of Sparkplug B. See sparkplug_host.py for what is done with them."""

from typing import Literal

from agent.sources.mqtt.payloads.samples import PayloadSettings, Publish, Read


class SparkplugPayload(PayloadSettings):
    """Messages of Sparkplug B; sensors are called EDGE_NODE/METRIC, or EDGE_NODE/DEVICE/METRIC."""

    format: Literal["sparkplug"]

    @property
    def names_sensors(self) -> bool:
        """A message may carry several sensors."""
        return True

    def reader(self, publish: Publish) -> Read:
        """Reads such messages, and remembers what was announced."""
        from agent.sources.mqtt.payloads.sparkplug_host import SparkplugHost  # noqa: PLC0415  6 MB that few boxes need

        return SparkplugHost(publish).read
