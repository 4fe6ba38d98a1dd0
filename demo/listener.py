"""A subscriber at the MQTT broker, such as a fitter's laptop or a control room would be."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

import aiomqtt

from edge_runtime.alert import Alert
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import DemoError


@dataclass
class Listener:
    """Hears the diagnoses and alerts of one machine, and passes them on as they come.

    Attributes:
        subscribed: set once the broker has accepted the subscription.
        diagnoses: all that were heard, in order.
        alerts: all that were heard, in order.
    """

    machine: str
    on_diagnosis: Callable[[Diagnosis], None]
    on_alert: Callable[[Alert], None]
    subscribed: asyncio.Event = field(default_factory=asyncio.Event)
    diagnoses: list[Diagnosis] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    async def listen(self, port: int) -> NoReturn:
        """Listen at the loopback port until cancelled.

        Raises:
            DemoError: the broker has gone.
        """
        topic = f"hydrosight/{self.machine}"
        try:
            async with aiomqtt.Client("127.0.0.1", port) as client:
                await client.subscribe([(f"{topic}/diagnosis", 1), (f"{topic}/alerts/#", 1)])
                self.subscribed.set()
                async for message in client.messages:
                    if message.topic.matches(f"{topic}/diagnosis"):
                        self._hear_diagnosis(Diagnosis.model_validate_json(message.payload))
                    else:
                        self._hear_alert(Alert.model_validate_json(message.payload))
        except aiomqtt.MqttError as error:
            raise DemoError(f"the MQTT broker has gone: {error}") from error
        raise DemoError("the MQTT broker has closed the connection")

    def _hear_diagnosis(self, diagnosis: Diagnosis) -> None:
        self.diagnoses.append(diagnosis)
        self.on_diagnosis(diagnosis)

    def _hear_alert(self, alert: Alert) -> None:
        self.alerts.append(alert)
        self.on_alert(alert)
