"""Readings through the MQTT source, beside a plain paho-mqtt program that parses the same messages in its callback.

A Mosquitto broker and the sender are processes of their own and not counted. Messages are published with QoS 1, both
programs speak MQTT 5. The source makes readings with quality and both times, and acknowledges after they are "stored"
(here at once, so that the store isn't measured); the plain program keeps value and time, and lets paho acknowledge on
arrival.

    python benchmarks/bench_mqtt.py [MESSAGES]     medians of five runs
"""

import asyncio
import getpass
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as paho
from rich.console import Console
from rich.table import Table

from agent.sources.mqtt.settings import MqttSettings
from agent.sources.mqtt.source import MqttSource
from demo.process import free_port
from edge_runtime.reading import Reading

RUNS = 5
ARRAY = 100
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SENDER = """
import sys
import paho.mqtt.client as paho
port, count, payload = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
client = paho.Client(paho.CallbackAPIVersion.VERSION2)
client.max_inflight_messages_set(1000)
client.connect("127.0.0.1", port)
client.loop_start()
for number in range(count):
    published = client.publish("rig/S", payload, qos=1)
    if number % 500 == 499 or number == count - 1:
        published.wait_for_publish()
client.disconnect()
"""


@dataclass(frozen=True)
class Cost:
    """What taking the readings took."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Case:
    """A kind of message: what it holds, and how the two programs read it."""

    title: str
    payload: bytes
    readings: int
    settings: str
    plain: Callable[[bytes], list[tuple[float, float]]]


def plain_number(payload: bytes) -> list[tuple[float, float]]:
    """A number, stamped on arrival."""
    return [(time.time(), float(payload))]


def plain_json(payload: bytes) -> list[tuple[float, float]]:
    """A document with value and time."""
    document = json.loads(payload)
    return [(datetime.fromisoformat(document["time"]).timestamp(), document["value"])]


def plain_array(payload: bytes) -> list[tuple[float, float]]:
    """A document with many values."""
    document = json.loads(payload)
    start, step = datetime.fromisoformat(document["time"]).timestamp(), 1 / document["rate_hz"]
    return [(start + number * step, value) for number, value in enumerate(document["values"])]


def cases() -> list[Case]:
    """One reading a message, and a hundred."""
    at = (EPOCH + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    array = {"time": at, "rate_hz": 100, "values": [round(100 + 0.37 * number, 3) for number in range(ARRAY)]}
    return [
        Case("number", b"151.347", 1, "number", plain_number),
        Case("JSON", json.dumps({"value": 151.347, "time": at}).encode(), 1, "json", plain_json),
        Case(f"array of {ARRAY}", json.dumps(array).encode(), ARRAY, "array", plain_array),
    ]


@contextmanager
def broker() -> Iterator[int]:
    """A Mosquitto that keeps whatever the sender is ahead."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        sys.exit("This benchmark needs a Mosquitto broker: sudo apt-get install mosquitto")
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        configuration = Path(folder) / "mosquitto.conf"
        configuration.write_text(
            f"listener {port} 127.0.0.1\nuser {getpass.getuser()}\nallow_anonymous true\nmax_queued_messages 0\n"
            "max_inflight_messages 1000\n"
        )
        with subprocess.Popen([program, "-c", configuration], stderr=subprocess.DEVNULL) as process:
            try:
                while not listens(port):
                    time.sleep(0.01)
                yield port
            finally:
                process.terminate()


def listens(port: int) -> bool:
    """Whether the broker is up."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def sender(port: int, case: Case, count: int) -> subprocess.Popen[bytes]:
    """Publishes so many messages."""
    return subprocess.Popen([sys.executable, "-c", SENDER, str(port), str(count), case.payload.decode()])


async def with_source(port: int, case: Case, count: int) -> Cost:
    """Hydrosight's source."""
    settings = {"name": "bench", "host": "127.0.0.1", "port": port}
    topics = [{"topic": "rig/S", "sensor": "S", "payload": case.settings}]
    source = MqttSource(
        MqttSettings.model_validate({**settings, "topics": topics}),
        machine=f"bench-{time.monotonic_ns()}",
        now_us=lambda: time.time_ns() // 1000,
    )
    taken = 0
    complete = asyncio.Event()

    def deliver(readings: list[Reading], stored: Callable[[], None] | None = None) -> None:
        nonlocal taken
        taken += len(readings)
        if stored is not None:
            stored()
        if taken >= count * case.readings:
            complete.set()

    task = asyncio.create_task(source.run(deliver, print))
    await asyncio.sleep(0.5)
    with sender(port, case, count):
        start, cpu = time.perf_counter(), time.process_time()
        await complete.wait()
        cost = Cost(time.perf_counter() - start, time.process_time() - cpu)
    task.cancel()
    await asyncio.wait([task])
    return cost


async def with_plain_paho(port: int, case: Case, count: int) -> Cost:
    """The usual program: loop_forever's loop, and a callback."""
    taken: list[tuple[float, float]] = []
    ready = False

    def subscribed(*_: object) -> None:
        nonlocal ready
        ready = True

    def received(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        taken.extend(case.plain(message.payload))

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.on_message, client.on_subscribe = received, subscribed
    client.connect("127.0.0.1", port)
    client.subscribe("rig/S", 1)
    while not ready:
        client.loop(0.1)
    with sender(port, case, count):
        start, cpu = time.perf_counter(), time.process_time()
        while len(taken) < count * case.readings:
            client.loop(1.0)
        cost = Cost(time.perf_counter() - start, time.process_time() - cpu)
    client.disconnect()
    return cost


def main() -> None:
    """Measure and print."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    table = Table(title=f"{messages:,} messages with QoS 1, medians of {RUNS} runs")
    table.add_column("message")
    table.add_column("program")
    for title in ("readings/s", "CPU µs/reading", "a core at 728 readings/s"):
        table.add_column(title, justify="right")
    for case in cases():
        count = messages if case.readings == 1 else messages // 5
        for name, way in (("Hydrosight's source", with_source), ("plain paho-mqtt", with_plain_paho)):
            costs = []
            for _ in range(RUNS):
                with broker() as port:
                    costs.append(asyncio.run(way(port, case, count)))
            readings = count * case.readings
            cpu_us = 1e6 * statistics.median(cost.cpu_seconds for cost in costs) / readings
            rate = readings / statistics.median(cost.seconds for cost in costs)
            table.add_row(case.title, name, f"{rate:,.0f}", f"{cpu_us:.2f}", f"{728 * cpu_us / 1e4:.2f} %")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
