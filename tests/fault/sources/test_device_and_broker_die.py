import asyncio
import random
import time
from contextlib import asynccontextmanager
from itertools import pairwise

import aiomqtt
import pytest

from agent.sources.modbus.settings import ModbusSettings
from agent.sources.modbus.source import ModbusSource
from agent.sources.mqtt.settings import MqttSettings
from agent.sources.mqtt.source import MqttSource
from demo.process import free_port
from tests.servers.modbus import ModbusDevice
from tests.servers.mosquitto import Mosquitto
from tests.servers.running_source import running, until


@pytest.fixture
async def device():
    device = ModbusDevice()
    device.put("holding", 0, "f", 1.0)
    await device.start()
    yield device
    await device.stop()


def now_us():
    return time.time_ns() // 1000


def modbus_source(port, name="plc", **changes):
    group = {"period_s": 0.01, "registers": [{"sensor": "P", "address": 0}]}
    transport = {"type": "tcp", "host": "127.0.0.1", "port": port}
    settings = {"name": name, "transport": transport, "timeout_s": 0.3, "longest_retry_s": 0.3}
    settings |= {"groups": [group], **changes}
    return ModbusSource(ModbusSettings.model_validate(settings), now_us=now_us, rng=random.Random(1))


def mqtt_source(port, **changes):
    settings = {"name": "rig", "host": "127.0.0.1", "port": port, "client_id": "test", "longest_retry_s": 0.3}
    settings |= {"topics": [{"topic": "rig/F", "sensor": "F"}], "keepalive_s": 5, "timeout_s": 1, **changes}
    return MqttSource(MqttSettings.model_validate(settings), machine="rig", now_us=now_us, rng=random.Random(1))


async def test_a_device_that_dies_is_said_once_and_read_again_when_it_is_back(device):
    source = modbus_source(device.port)
    async with running(source) as received:
        await until(lambda: len(received.readings) >= 5)
        await device.stop()
        await until(lambda: bool(received.statuses))
        seen = len(received.readings)
        await until(lambda: source.counters.reconnects >= 1)
        device.put("holding", 0, "f", 2.0)
        await device.start()
        await until(lambda: len(received.readings) >= seen + 5)
    assert received.readings[-1].value == 2.0
    assert received.healthy == [False, True]


async def test_a_device_that_stops_answering_is_connected_anew(device):
    async with running(modbus_source(device.port)) as received:
        await until(lambda: len(received.readings) >= 5)
        device.silent = True
        await until(lambda: bool(received.statuses))
        device.silent = False
        await until(lambda: len(received.statuses) >= 2)
    assert "no answer to a read of holding registers 0 to 1 of unit 1 within 0.3 s" in received.statuses[0].message
    assert received.healthy == [False, True]


async def test_a_device_that_was_never_there_is_said_once_however_often_it_is_tried():
    source = modbus_source(free_port())
    async with running(source) as received:
        await until(lambda: source.counters.reconnects >= 3)
    assert received.healthy == [False]
    assert "no connection" in received.statuses[0].message


async def test_a_dead_device_does_not_delay_another(device):
    dead = ModbusDevice()
    dead.silent = True
    await dead.start()
    async with running(modbus_source(dead.port, "dead")) as nothing, running(modbus_source(device.port)) as received:
        await until(lambda: len(received.readings) >= 100)
    await dead.stop()
    assert nothing.readings == []
    arrivals = [reading.received_time_us for reading in received.readings]
    gaps = [later - earlier for earlier, later in pairwise(arrivals)]
    assert sorted(gaps)[len(gaps) // 2] < 250_000, "or the silent one's 0.3 s would be between any two"


async def test_noise_instead_of_modbus_is_a_fault_not_a_crash():
    async def talk_nonsense(_reader, writer):
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 50)
        await writer.drain()

    server = await asyncio.start_server(talk_nonsense, "127.0.0.1", 0)
    async with server, running(modbus_source(server.sockets[0].getsockname()[1])) as received:
        await until(lambda: bool(received.statuses))
    assert received.healthy == [False]
    assert received.readings == []


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_broker_that_dies_is_said_once_and_read_again_when_it_is_back(mosquitto, end):
    source = mqtt_source(mosquitto.port)
    async with running(source) as received:
        await publish_until(mosquitto, lambda: len(received.readings) >= 3)
        getattr(mosquitto, end)()
        await until(lambda: bool(received.statuses))
        await until(lambda: source.counters.reconnects >= 2)
        mosquitto.start()
        await until(lambda: len(received.statuses) >= 2)
        seen = len(received.readings)
        await publish_until(mosquitto, lambda: len(received.readings) >= seen + 3)
    assert received.healthy == [False, True]


async def publish_until(broker, condition):
    async with aiomqtt.Client(broker.host, broker.port) as client:
        while not condition():
            await client.publish("rig/F", b"1", qos=1)


@pytest.mark.slow
async def test_a_broker_that_hangs_is_noticed_and_does_not_hold_up_the_end(mosquitto):
    """It hangs for ever, so whoever waited for it would, too."""
    proxy = Proxy(mosquitto.port)
    async with proxy.serving() as port:
        source = mqtt_source(port)
        async with running(source) as received:
            await publish_until(mosquitto, lambda: bool(received.readings))
            proxy.frozen = True
            await until(lambda: bool(received.statuses))
    assert received.healthy == [False]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_broker_that_flaps_loses_nothing_and_is_said_once_each_time(tmp_path, protocol):
    """The connection is cut in the middle of messages, again and again, while storing lags behind."""
    broker = Mosquitto(tmp_path, "allow_anonymous true\nmax_queued_messages 0")
    proxy = Proxy(broker.port)
    async with proxy.serving() as port:
        source = mqtt_source(port, protocol=protocol, acknowledge="stored", longest_retry_s=0.05)
        async with running(source) as received:
            await publish_until(broker, lambda: bool(received.readings))
            received.readings.clear()
            received.stores = False
            for cut in range(6):
                sending = asyncio.create_task(publish_numbers(broker, range(500 * cut, 500 * (cut + 1))))
                await asyncio.sleep(0.05)
                proxy.cut()
                await asyncio.sleep(0.02)
                received.store()
                await sending
                await until(lambda cut=cut: source.counters.reconnects > cut)
            received.stores = True
            received.store()
            await until(lambda: len({reading.value for reading in received.readings}) == 3000)
    broker.stop()
    assert all(one.healthy != following.healthy for one, following in pairwise(received.statuses))


async def publish_numbers(broker, numbers):
    async with aiomqtt.Client(broker.host, broker.port) as client:
        for number in numbers:
            await client.publish("rig/F", str(number).encode(), qos=1)


async def test_a_broker_that_refuses_is_said_once_and_used_when_it_lets_us_in():
    answers = [b"\x20\x02\x00\x03"] * 3 + [b"\x20\x02\x00\x00"]

    async def answer(reader, writer):
        await reader.read(1000)
        writer.write(answers.pop(0))
        await reader.read(1000)
        writer.write(b"\x90\x03\x00\x01\x01\x30\x08\x00\x05rig/F7")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, running(mqtt_source(port, protocol="3.1.1")) as received:
        await until(lambda: bool(received.readings))
    assert received.healthy == [False, True]
    assert "Server unavailable" in received.statuses[0].message


@pytest.mark.parametrize("seed", range(5))
async def test_noise_instead_of_mqtt_is_a_fault_not_a_crash(seed):
    noise = random.Random(seed)

    async def talk_nonsense(reader, writer):
        await reader.read(1000)
        writer.write(b"\x20\x03\x00\x00\x00" * (seed % 2) + noise.randbytes(2000))
        await reader.read(1000)
        writer.close()

    server = await asyncio.start_server(talk_nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, running(mqtt_source(port, protocol="5")) as received:
        await until(lambda: bool(received.statuses))
    assert received.healthy[0] is False
    assert received.readings == []


class Proxy:
    """Passes bytes on until it is frozen; its connections stay open until they are cut."""

    def __init__(self, port):
        self.port = port
        self.frozen = False
        self._writers = []

    def cut(self):
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    @asynccontextmanager
    async def serving(self):
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _relay(self, reader, writer):
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers += [upstream_writer, writer]
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(reader, upstream_writer))
                tasks.create_task(self._pump(upstream_reader, writer))
        except* OSError:
            pass
        finally:
            upstream_writer.close()
            writer.close()

    async def _pump(self, reader, writer):
        while content := await reader.read(4096):
            if not self.frozen:
                writer.write(content)
