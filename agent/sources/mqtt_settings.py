"""Settings of sensors that publish over MQTT."""

import socket
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge_runtime.machine import Name

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TopicSettings(_Frozen):
    """The topic that carries one sensor. The value is payload · scale + offset, in the sensor's canonical unit."""

    topic: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[^+#\x00]+$", description="No wildcards.")]
    sensor: Annotated[Name, Field(description="Name in the machine file.")]
    scale: Annotated[float, Field(allow_inf_nan=False, description="Also converts the sender's unit.")] = 1.0
    offset: Annotated[float, Field(allow_inf_nan=False)] = 0.0


class MqttSettings(_Frozen):
    """A broker and the topics to read from it."""

    name: Annotated[Name, Field(description="How messages call it.")]
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    client_id: Annotated[
        str | None,
        Field(
            min_length=1,
            description="The broker keeps messages for this client while it is away, so it must stay the same and be "
            "nobody else's. Default: made of the box's host name and the source's name.",
        ),
    ] = None
    username: str | None = None
    password_file: Annotated[Path | None, Field(description="A file that holds the password and nothing else.")] = None
    tls: Annotated[bool, Field(description="Encrypt, and verify the broker's certificate.")] = False
    ca_file: Annotated[Path | None, Field(description="Who signs the broker's certificate, if not a public CA.")] = None
    certificate_file: Annotated[Path | None, Field(description="Our own certificate, if the broker wants one.")] = None
    key_file: Annotated[Path | None, Field(description="Its private key.")] = None
    keepalive_s: Annotated[int, Field(ge=5, le=3600, description="A silent broker is noticed after this long.")] = 15
    timeout_s: Annotated[Seconds, Field(description="For the broker to answer.")] = 5.0
    longest_retry_s: Annotated[Seconds, Field(description="Attempts to reconnect are at most this far apart.")] = 30.0
    topics: Annotated[tuple[TopicSettings, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for kind, items in (
            ("topic", [topic.topic for topic in self.topics]),
            ("sensor", [topic.sensor for topic in self.topics]),
        ):
            repeated = sorted({item for item in items if items.count(item) > 1})
            if repeated:
                raise ValueError(f"{kind} used twice: {', '.join(repeated)}")
        if not self.tls and (self.ca_file or self.certificate_file or self.key_file):
            raise ValueError("ca_file, certificate_file and key_file are for tls: true")
        if self.password_file and self.username is None:
            raise ValueError("password_file without a username")
        return self

    @property
    def sensors(self) -> frozenset[str]:
        """Names of the sensors that are read here."""
        return frozenset(topic.sensor for topic in self.topics)

    @property
    def identifier(self) -> str:
        """The client id: as set, or the same at every start of this box."""
        return self.client_id or f"hydrosight-{socket.gethostname()}-{self.name}"
