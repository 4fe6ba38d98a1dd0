"""Alerts and diagnoses to the MQTT broker: retained, QoS 1, with a last will.

Alerts come from the store and are marked there once the broker has acknowledged them, so none is lost while the broker
or the agent is down. A diagnosis is news: only the latest is published.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import aiomqtt

from agent.settings import BrokerSettings
from edge_runtime.alert import Alert
from edge_runtime.cancellation import check_cancelled
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import ConfigurationError

RETRY_FIRST_S = 1.0
RETRY_LAST_S = 60.0
ANSWER_S = 5.0


class AlertQueue(Protocol):
    """Alerts that wait for the broker."""

    async def unpublished(self) -> Sequence[tuple[int, Alert]]:
        """Row number and alert, oldest first."""
        ...

    async def mark_published(self, row: int) -> None:
        """The broker has this one."""
        ...


@dataclass(frozen=True, slots=True)
class Topics:
    """Builds the agent's topics."""

    machine: str

    @property
    def status(self) -> str:
        """`online` or `offline`, retained; `offline` is the last will."""
        return f"hydrosight/{self.machine}/status"

    @property
    def diagnosis(self) -> str:
        """The latest diagnosis, retained."""
        return f"hydrosight/{self.machine}/diagnosis"

    def alert(self, component: str, kind: str) -> str:
        """The latest alert of a component and kind, retained: raised or cleared."""
        return f"hydrosight/{self.machine}/alerts/{component}/{kind}"


class Publisher:
    """Keeps one connection to the broker and publishes what there is."""

    def __init__(
        self, settings: BrokerSettings, machine: str, queue: AlertQueue, report: Callable[[bool, str, str], None]
    ) -> None:
        self._settings = settings
        self._topics = Topics(machine)
        self._queue = queue
        self._report = report
        self._latest: Diagnosis | None = None
        self._wake = asyncio.Event()

    def publish(self, diagnosis: Diagnosis | None) -> None:
        """There is a new diagnosis, or new alerts in the queue."""
        if diagnosis is not None:
            self._latest = diagnosis
        self._wake.set()

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Publish until cancelled; reconnects by itself."""
        delay = RETRY_FIRST_S
        away = False
        while True:
            try:
                async with self._client() as client:
                    await client.publish(self._topics.status, "online", qos=1, retain=True)
                    self._report(True, f"connected to {self._address}", "")
                    delay = RETRY_FIRST_S
                    away = False
                    try:
                        await self._until_disconnected(client)
                    except asyncio.CancelledError:
                        await client.publish(self._topics.status, "offline", qos=1, retain=True)
                        raise
            except aiomqtt.MqttError as error:
                check_cancelled()  # a broker that is gone when we say goodbye raises in its place
                if not away:  # every attempt fails in words of its own; the first says it all
                    self._report(
                        False,
                        f"broker {self._address}: {error}",
                        "Alerts are kept until it is back. Check that it runs, and `broker` in the agent's settings.",
                    )
                away = True
            await sleep(delay)
            delay = min(delay * 2, RETRY_LAST_S)

    async def _until_disconnected(self, client: aiomqtt.Client) -> None:
        publishing = asyncio.create_task(self._publish_all(client))
        listening = asyncio.create_task(_listen(client))
        try:
            done, _ = await asyncio.wait((publishing, listening), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (publishing, listening):
                task.cancel()
            await asyncio.gather(publishing, listening, return_exceptions=True)

    async def _publish_all(self, client: aiomqtt.Client) -> None:
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            for row, alert in await self._queue.unpublished():
                topic = self._topics.alert(alert.component, alert.kind)
                await client.publish(topic, alert.model_dump_json(), qos=1, retain=True)
                await self._queue.mark_published(row)
            latest = self._latest
            if latest is not None:
                await client.publish(self._topics.diagnosis, latest.model_dump_json(), qos=1, retain=True)
                if self._latest is latest:
                    self._latest = None
            check_cancelled()

    @property
    def _address(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    def _client(self) -> aiomqtt.Client:
        settings = self._settings
        return aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.username,
            password=_password(settings.password_file),
            tls_context=ssl.create_default_context(cafile=settings.ca_file) if settings.tls else None,
            will=aiomqtt.Will(self._topics.status, "offline", qos=1, retain=True),
            timeout=ANSWER_S,
            identifier=f"hydrosight-{self._topics.machine}-alerts",
        )


async def _listen(client: aiomqtt.Client) -> None:
    """Nothing is subscribed; the iteration ends with MqttError when the connection is lost."""
    async for _ in client.messages:
        pass


def _password(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text().strip()
    except OSError as error:
        raise ConfigurationError(
            f"broker.password_file {file}: {error.strerror}", hint="Put the password in that file, mode 0600."
        ) from error
