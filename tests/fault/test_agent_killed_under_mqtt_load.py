"""kill -9 while messages pour in: what the broker was told to forget is in the store, and what isn't comes again."""

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt import publish

from tests.rig.agent import Agent
from tests.rig.until import until
from tests.servers.mosquitto import Mosquitto

pytestmark = [pytest.mark.servers, pytest.mark.slow]

KILLS = int(os.environ.get("HYDROSIGHT_MQTT_KILLS", "2"))
RATE_HZ = 730
START_US = 1_700_000_000_000_000
SENSORS = ("PS1", "PS2", "FS1", "TS1")


class Sender:
    """Sensors that publish with QoS 1 until stopped: reading n of sensor n modulo 4 has value n and time n ms."""

    def __init__(self, port: int) -> None:
        self.published = 0
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="sensors")
        self._client.max_inflight_messages_set(1000)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._thread.start()

    def _publish(self) -> None:
        began = time.monotonic()
        while not self._stop.is_set():
            for number in range(self.published, int((time.monotonic() - began) * RATE_HZ)):
                payload = f'{{"value": {number}, "time": {START_US + 1000 * number}}}'
                self._client.publish(f"rig/{SENSORS[number % 4]}", payload, qos=1)
                self.published = number + 1
            self._stop.wait(0.01)

    def stop(self) -> None:
        """Stop once the broker has everything."""
        self._stop.set()
        self._thread.join()
        deadline = time.monotonic() + 30
        while self._client.want_write() or self._client._out_messages:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def roomy_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """As the manual advises: as much as its memory allows waits for a box that is away."""
    directory = tmp_path / "broker"
    directory.mkdir()
    broker = Mosquitto(directory, "allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000")
    yield broker
    broker.stop()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_every_message_is_in_the_store(roomy_broker: Mosquitto, tmp_path: Path, protocol: str) -> None:
    agent = Agent(tmp_path / "agent", modbus_port=1, broker_port=roomy_broker.port)
    (source,) = agent.settings["sources"]["mqtt"]
    source |= {"protocol": protocol, "acknowledge": "stored", "in_flight": 1000}
    source["topics"] = [{"topic": "rig/{sensor}", "payload": {"time_unit": "us"}}]
    agent.settings["sources"] = {"mqtt": [source]}
    agent.settings["store"]["flush_interval_s"] = 1.0
    agent.start()
    until(lambda: probed(agent, roomy_broker.port), "the agent has subscribed")
    chance = random.Random(protocol)
    sender = Sender(roomy_broker.port)
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.5, 2.0))
            agent.kill()
            time.sleep(chance.uniform(0.0, 0.5))
            agent.start()
    finally:
        sender.stop()
    published = {(SENSORS[number % 4], START_US + 1000 * number, number) for number in range(sender.published)}
    assert len(published) > KILLS * RATE_HZ
    until(lambda: len(stored(agent)) >= len(published), "everything that was published is stored")
    agent.kill()
    assert set(stored(agent)) == published
    assert len(stored(agent)) == len(published)


def probed(agent: Agent, port: int) -> bool:
    """Whether a reading that was published before has arrived; publish another."""
    publish.single("rig/SE", f'{{"value": 1, "time": {START_US}}}', qos=1, port=port)
    with agent.store() as store:
        return "SE" in store.series(START_US, START_US + 1)


def stored(agent: Agent) -> list[tuple[str, int, float]]:
    """Sensor, time and value of every reading that the store gives."""
    with agent.store() as store:
        series = store.series(START_US, 2**62)
    return [
        (sensor, time_us, value)
        for sensor, one in series.items()
        if sensor in SENSORS
        for time_us, value in zip(one.times_us.tolist(), one.values.tolist(), strict=True)
    ]
