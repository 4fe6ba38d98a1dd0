"""Settings of sensors that publish over MQTT."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from agent.sources.mqtt.payloads.array import ArrayPayload
from agent.sources.mqtt.payloads.json_value import JsonPayload
from agent.sources.mqtt.payloads.number import NumberPayload
from agent.sources.mqtt.payloads.senml import SenmlPayload
from agent.sources.mqtt.payloads.sparkplug import SparkplugPayload
from agent.sources.mqtt.topics import TopicPattern, check_pattern
from edge_runtime.machine import Name
from edge_runtime.unit_conversion import KnownUnit

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class Protocol(StrEnum):
    """Version of MQTT."""

    V311 = "3.1.1"
    V5 = "5"


IN_FLIGHT = {Protocol.V5: 4000, Protocol.V311: 20}
"""Messages before the first acknowledgement: what we ask for with MQTT 5, and what Mosquitto allows with 3.1.1."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProtocolChoice(StrEnum):
    """Version of MQTT: 5, and 3.1.1 with a broker that doesn't know 5, unless one is named."""

    AUTO = "auto"
    V311 = "3.1.1"
    V5 = "5"


class Acknowledge(StrEnum):
    """When the broker hears that it may forget a message."""

    AUTO = "auto"
    RECEIVED = "received"
    STORED = "stored"

    def waits(self, protocol: Protocol) -> bool:
        """Whether it is acknowledged only once it is durable: by default where MQTT lets us make room for that."""
        return protocol is Protocol.V5 if self is Acknowledge.AUTO else self is Acknowledge.STORED


def _with_format(payload: object) -> object:
    """A name alone is a format; without one it is JSON."""
    if isinstance(payload, str):
        return {"format": payload}
    return {"format": "json", **payload} if isinstance(payload, dict) else payload


PayloadChoice = Annotated[
    Annotated[
        NumberPayload | ArrayPayload | SenmlPayload | SparkplugPayload | JsonPayload, Field(discriminator="format")
    ],
    BeforeValidator(_with_format),
]


class TopicSettings(_Frozen):
    """A topic, or a pattern of topics. The value is payload · scale + offset, in `unit`."""

    topic: Annotated[
        str,
        Field(min_length=1, description="May hold + and #, {sensor} in place of a level, and $share/GROUP/ before it."),
        AfterValidator(check_pattern),
    ]
    sensor: Annotated[Name | None, Field(description="Name in the machine file, if the topic carries only one.")] = None
    names: Annotated[
        Mapping[Name, str],
        Field(
            default_factory=dict,
            description="What topics or payloads call a sensor whose name in the machine file is another.",
        ),
    ]
    payload: Annotated[PayloadChoice, Field(description="Format of the messages, with its own settings.")] = (
        JsonPayload(format="json")
    )
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    offset: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    unit: Annotated[
        KnownUnit | None,
        Field(description="The sender's, converted to the canonical one after scale and offset. A payload's own wins."),
    ] = None

    @property
    def pattern(self) -> TopicPattern:
        """The topics."""
        return TopicPattern(self.topic)

    @property
    def sensors(self) -> frozenset[str]:
        """The sensors that are named here. There may be more, named by topic or payload."""
        in_payload = self.payload.sensors if isinstance(self.payload, JsonPayload) else None
        return frozenset((*([self.sensor] if self.sensor else []), *self.names, *(in_payload or {})))

    @property
    def takes_any(self) -> bool:
        """Whether topic or payload may name any sensor of the machine."""
        return self.pattern.names_sensor or (
            self.payload.names_sensors and not isinstance(self.payload, JsonPayload) and self.sensor is None
        )

    @model_validator(mode="after")
    def _says_which_sensor(self) -> Self:
        says = self.pattern.names_sensor or self.payload.names_sensors
        if self.sensor is None and not says:
            raise ValueError(
                f"topic {self.topic}: name its sensor, or put {{sensor}} in place of a level, or choose a payload that "
                "names sensors"
            )
        if self.sensor is not None and not self.pattern.is_exact:
            raise ValueError(f"topic {self.topic}: one sensor has one topic, without wildcards")
        if self.names and not says:
            raise ValueError(f"topic {self.topic}: names is for topics or payloads that name sensors")
        return self


class MqttSettings(_Frozen):
    """A broker and the topics to read from it."""

    name: Annotated[Name, Field(description="How messages call it.")]
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    protocol: Annotated[
        ProtocolChoice,
        BeforeValidator(lambda value: str(value) if isinstance(value, int) else value),
        Field(description="auto, 3.1.1 or 5; auto is 5, or 3.1.1 with a broker that doesn't know 5."),
    ] = ProtocolChoice.AUTO
    acknowledge: Annotated[
        Acknowledge,
        Field(
            description="stored: the broker keeps a message until its readings are on the disk. received: until they "
            "have arrived. auto: stored with MQTT 5, received with 3.1.1."
        ),
    ] = Acknowledge.AUTO
    in_flight: Annotated[
        int | None,
        Field(
            ge=1,
            le=65535,
            description="Messages that the broker sends before the first is acknowledged. MQTT 5 asks for it; with "
            "3.1.1 say what the broker's own limit is. Default: 4000 with MQTT 5, 20 with 3.1.1.",
        ),
    ] = None
    session_expiry_s: Annotated[
        int, Field(ge=0, le=2**32 - 1, description="How long the broker keeps messages for us while we are away.")
    ] = 604_800
    client_id: Annotated[
        str | None,
        Field(
            min_length=1,
            description="The broker keeps messages for this client while it is away, so it must stay the same and be "
            "nobody else's. Default: made of the machine's name and the source's.",
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
            ("topic", [topic.pattern.filter for topic in self.topics]),
            ("sensor", [sensor for topic in self.topics for sensor in sorted(topic.sensors)]),
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
        """Names of the sensors that are named here."""
        return frozenset(sensor for topic in self.topics for sensor in topic.sensors)

    @property
    def takes_any(self) -> bool:
        """Whether topics or payloads may name any other sensor of the machine."""
        return any(topic.takes_any for topic in self.topics)

    def identifier(self, machine: str) -> str:
        """The client id: as set, or the same at every start of the box at this machine."""
        return self.client_id or f"hydrosight-{machine}-{self.name}"

    @property
    def first_protocol(self) -> Protocol:
        """The version of MQTT to try first."""
        return Protocol.V5 if self.protocol is ProtocolChoice.AUTO else Protocol(self.protocol.value)

    def in_flight_with(self, protocol: Protocol) -> int:
        """Messages that the broker may send before the first is acknowledged."""
        return self.in_flight or IN_FLIGHT[protocol]
