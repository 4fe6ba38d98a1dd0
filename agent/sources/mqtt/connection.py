"""One connection to an MQTT broker: paho's protocol engine, driven by the running event loop.

aiomqtt, which drives it in the same way, acknowledges a message when it arrives; here that is left to the caller. The
broker is asked for messages with QoS 1 at most: of QoS 2 paho acknowledges the content before anybody has seen it.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.sources.mqtt.broker import Broker
from agent.sources.mqtt.message import Message
from agent.sources.mqtt.settings import Protocol
from edge_runtime.errors import SourceError

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

AT_LEAST_ONCE = 1
READS_AT_ONCE = 500
"""Packets read before the event loop's other tasks get their turn."""

_UNSUPPORTED = {"Unsupported protocol version"}
_CHECK_HINT = "Check that the broker runs and host, port, username and TLS settings are right."


class BrokerUnreachableError(SourceError):
    """There is no connection, or no longer."""


class BrokerSilentError(BrokerUnreachableError):
    """Something listens but doesn't answer our greeting; so do brokers that don't know its version of MQTT."""


class BrokerRefusedError(SourceError):
    """The broker doesn't let us in; `unsupported` when it doesn't know this version of MQTT."""

    def __init__(self, message: str, *, hint: str, unsupported: bool) -> None:
        super().__init__(message, hint=hint)
        self.unsupported = unsupported


class MqttConnection:
    """A connection that is opened once. Everything but `open` runs on the event loop and returns at once."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._client = _client(broker)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._arrived: list[Message] = []
        self._granted: dict[int, list[ReasonCode]] = {}
        self._resumed: bool | None = None
        self._error: SourceError | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def open(self) -> bool:
        """Connect; gives whether the broker still had our session.

        Raises:
            BrokerUnreachableError: there is no broker, or its certificate can't be trusted.
            BrokerSilentError: it doesn't answer, or hangs up.
            BrokerRefusedError: it doesn't let us in.
        """
        broker = self._broker
        try:
            await self._loop.run_in_executor(None, self._connect)
        except (OSError, UnicodeError) as error:
            raise BrokerUnreachableError(f"no connection: {error}", hint=_CHECK_HINT) from error
        try:
            self._attach()
            await self._until(lambda: self._resumed is not None, f"no answer within {broker.timeout_s:g} s")
        except BrokerUnreachableError as error:
            raise BrokerSilentError(str(error), hint=error.hint) from error
        return bool(self._resumed)

    async def subscribe(self, filters: Sequence[str]) -> list[str]:
        """Subscribe; gives what is wrong with each filter, empty where nothing is.

        Raises:
            BrokerUnreachableError: the connection is lost.
        """
        if self._broker.protocol is Protocol.V5:
            options = SubscribeOptions(qos=AT_LEAST_ONCE)
            result, number = self._client.subscribe([(one, options) for one in filters])
        else:
            result, number = self._client.subscribe([(one, AT_LEAST_ONCE) for one in filters])
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS or number is None:
            raise BrokerUnreachableError(f"no connection: {paho.error_string(result)}", hint=_CHECK_HINT)
        await self._until(lambda: number in self._granted, "the broker doesn't answer a subscription")
        return [str(code) if code.is_failure else "" for code in self._granted.pop(number)]

    async def messages(self) -> list[Message]:
        """What has arrived since the last call, in order; waits for the first.

        Raises:
            BrokerUnreachableError: the connection is lost.
        """
        while not self._arrived:
            await self._wait_for_news()
        arrived, self._arrived = self._arrived, []
        return arrived

    def acknowledge(self, numbers: Iterable[int]) -> None:
        """The broker may forget these messages."""
        for number in numbers:
            self._client.ack(number, AT_LEAST_ONCE)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message that may get lost."""
        self._client.publish(topic, payload)

    def close(self) -> None:
        """Say goodbye, if the broker still listens, and hang up. The session stays."""
        if self._timer:
            self._timer.cancel()
        self._client.on_disconnect = None
        if self._client.socket() is not None:
            self._client.disconnect()
            self._client.loop_write()
        socket = self._client.socket()
        if socket is not None:
            self._detach(socket)
            socket.close()

    def _connect(self) -> None:
        """Name resolution, TCP and TLS handshake block: this runs in a thread."""
        broker = self._broker
        if broker.protocol is Protocol.V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = broker.session_expiry_s
            properties.ReceiveMaximum = broker.in_flight
            self._client.connect(broker.host, broker.port, broker.keepalive_s, clean_start=False, properties=properties)
        else:
            self._client.connect(broker.host, broker.port, broker.keepalive_s)

    def _attach(self) -> None:
        socket = self._client.socket()
        if socket is None:
            raise BrokerUnreachableError("no connection: the broker hung up", hint=_CHECK_HINT)
        self._client.on_socket_register_write = lambda _client, _data, sock: self._loop.add_writer(sock, self._writable)
        self._client.on_socket_unregister_write = self._nothing_to_write
        self._client.on_socket_close = lambda _client, _data, sock: self._detach(sock)
        self._loop.add_reader(socket, self._readable)
        if self._client.want_write():
            self._loop.add_writer(socket, self._writable)
        self._tick()

    def _detach(self, socket: "SocketLike") -> None:
        if socket.fileno() >= 0:
            self._loop.remove_reader(socket)
            self._loop.remove_writer(socket)

    def _readable(self) -> None:
        had = len(self._arrived)
        try:
            for _ in range(READS_AT_ONCE):
                before = len(self._arrived)
                if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    break
                if len(self._arrived) == before and not self._decrypted():
                    break
            else:
                if self._decrypted():  # the socket itself may have nothing more to announce
                    self._loop.call_soon(self._readable)
        except Exception as error:  # noqa: BLE001  raised again where the connection is awaited
            self._fail(f"the broker sends what isn't MQTT: {error}", error)
        if len(self._arrived) > had:
            self._news.set()

    def _nothing_to_write(self, _client: paho.Client, _data: object, socket: "SocketLike") -> None:
        self._loop.remove_writer(socket)

    def _writable(self) -> None:
        self._client.loop_write()

    def _decrypted(self) -> bool:
        socket = self._client.socket()
        return isinstance(socket, ssl.SSLSocket) and socket.pending() > 0

    def _tick(self) -> None:
        """Let paho look at its clock, to ask whether the broker is still there."""
        self._client.loop_misc()
        self._timer = self._loop.call_later(self._broker.keepalive_s / 4, self._tick)

    async def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        try:
            async with asyncio.timeout(self._broker.timeout_s):
                while not condition():
                    await self._wait_for_news()
        except TimeoutError:
            raise BrokerUnreachableError(f"no connection: {otherwise}", hint=_CHECK_HINT) from None

    async def _wait_for_news(self) -> None:
        if self._error is not None:
            raise self._error
        self._news.clear()
        await self._news.wait()

    def _fail(self, why: str, cause: Exception | None = None) -> None:
        if self._error is None:
            self._error = BrokerUnreachableError(f"no connection: {why}", hint=_CHECK_HINT)
            self._error.__cause__ = cause
        self._news.set()

    def _on_connect(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if code.is_failure:
            self._error = BrokerRefusedError(
                f"no connection: {code}{_reason(properties)}", hint=_CHECK_HINT, unsupported=str(code) in _UNSUPPORTED
            )
        else:
            self._resumed = flags.session_present
        self._news.set()

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        number = message.mid if message.qos else 0
        self._arrived.append(Message(topic, bytes(message.payload), number, message.retain, message.dup))

    def _on_subscribe(
        self, _client: paho.Client, _data: object, number: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self._granted[number] = codes
        self._news.set()

    def _on_disconnect(
        self,
        _client: paho.Client,
        _data: object,
        _flags: paho.DisconnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._fail(f"{code}{_reason(properties)}")


def _client(broker: Broker) -> paho.Client:
    v5 = broker.protocol is Protocol.V5
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=broker.client_id,
        clean_session=None if v5 else False,
        protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.connect_timeout = broker.timeout_s
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls is not None:
        client.tls_set_context(broker.tls)
    return client


def _reason(properties: Properties | None) -> str:
    """What a broker of MQTT 5 says beyond the code."""
    text = getattr(properties, "ReasonString", "")
    return f" ({text})" if text else ""
