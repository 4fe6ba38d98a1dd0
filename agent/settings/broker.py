"""The MQTT broker that alerts and diagnoses go to."""

from pathlib import Path

from agent.settings.section import Port, Section


class BrokerSettings(Section):
    """The MQTT broker that alerts and diagnoses go to."""

    host: str
    port: Port = 1883
    username: str | None = None
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
