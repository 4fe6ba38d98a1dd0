"""Whom to connect to, with the secrets read from their files."""

import ssl
from dataclasses import dataclass

from agent.sources.mqtt.settings import MqttSettings, Protocol
from edge_runtime.errors import SourceError


@dataclass(frozen=True, slots=True)
class Broker:
    """Whom to connect to, and as whom.

    Attributes:
        host: address.
        port: TCP port.
        client_id: names the session.
        protocol: version of MQTT.
        username: if it wants one.
        password: if it wants one.
        tls: verifies it; None for a connection in the clear.
        keepalive_s: a broker that is silent for longer is gone.
        timeout_s: for every answer.
        session_expiry_s: how long it keeps the session while we are away (MQTT 5).
        in_flight: messages that it may send before the first is acknowledged (MQTT 5).
    """

    host: str
    port: int
    client_id: str
    protocol: Protocol
    username: str | None
    password: str | None
    tls: ssl.SSLContext | None
    keepalive_s: int
    timeout_s: float
    session_expiry_s: int
    in_flight: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def broker_of(settings: MqttSettings, protocol: Protocol, client_id: str) -> Broker:
    """The broker of a source.

    Raises:
        SourceError: a file with a password, certificate or key can't be used.
    """
    return Broker(
        settings.host,
        settings.port,
        client_id,
        protocol,
        settings.username,
        _password(settings),
        _tls(settings),
        settings.keepalive_s,
        settings.timeout_s,
        settings.session_expiry_s,
        settings.in_flight_with(protocol),
    )


def _password(settings: MqttSettings) -> str | None:
    file = settings.password_file
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"password file {file} can't be read: {error}",
            hint="Check the path and that this user may read the file.",
        ) from error


def _tls(settings: MqttSettings) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except OSError as error:
        raise SourceError(
            f"ca_file, certificate_file or key_file can't be used: {error}",
            hint="Check that the files are there, in PEM format, and that this user may read them.",
        ) from error
    return context
