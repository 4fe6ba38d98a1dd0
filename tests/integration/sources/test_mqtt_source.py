import asyncio
import itertools
import json
import math
import random
import subprocess
from pathlib import Path

import aiomqtt
import pytest
import trustme

from agent.sources.mqtt.settings import MqttSettings
from agent.sources.mqtt.source import GOOD_AGAIN, MqttSource
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading
from tests.servers.mosquitto import Mosquitto
from tests.servers.running_source import running, until
from tests.unit.agent.sources.mqtt.payloads.sparkplug_sender import metric, payload

ARRIVAL_US = 1_700_000_000_000_000
NEW_YEAR_US = 1_420_070_400_000_000


def source_of(broker, *, hurry=lambda: None, sensors=frozenset({"FS1", "FS2", "PS1"}), **changes):
    topics = ({"topic": "rig/FS1", "sensor": "FS1"}, {"topic": "rig/FS2", "sensor": "FS2", "scale": 60, "offset": 1})
    settings = {"name": "rig", "host": broker.host, "port": broker.port, "client_id": "test", "longest_retry_s": 0.5}
    arrivals = itertools.count(ARRIVAL_US)
    return MqttSource(
        MqttSettings.model_validate({**settings, "topics": topics, **changes}),
        machine="rig",
        sensors=sensors,
        now_us=lambda: next(arrivals),
        hurry=hurry,
        rng=random.Random(1),
    )


async def publish(broker, *messages, retain=False):
    async with aiomqtt.Client(broker.host, broker.port) as client:
        for topic, payload in messages:
            await client.publish(topic, payload, qos=1, retain=retain)


async def connected(broker, received):
    """Publish until the subscription stands; the marker is the first reading."""
    async with aiomqtt.Client(broker.host, broker.port) as client:
        while not received.readings:
            await client.publish("rig/FS1", b"0", qos=1)
    await until(lambda: bool(received.readings))
    received.readings.clear()


async def test_numbers_and_json_arrive_with_their_times_in_canonical_units(mosquitto):
    async with running(source_of(mosquitto)) as received:
        await connected(mosquitto, received)
        await publish(
            mosquitto,
            ("rig/FS1", b'{"value": 7.5, "time": "2015-01-01T00:00:00.000001Z"}'),
            ("rig/other", b"9"),
            ("rig/FS2", b"0.5"),
        )
        await until(lambda: bool(received.of("FS2")))
    first, second = received.of("FS1")[-1], received.of("FS2")[0]
    assert (first.value, first.quality, first.source_time_us) == (7.5, Quality.GOOD, NEW_YEAR_US + 1)
    assert first.received_time_us > ARRIVAL_US
    assert second == Reading("FS2", 31.0, Quality.GOOD, second.received_time_us, second.received_time_us)
    assert received.statuses == []


async def test_no_value_is_a_bad_reading_at_its_time(mosquitto):
    async with running(source_of(mosquitto)) as received:
        await connected(mosquitto, received)
        await publish(mosquitto, ("rig/FS2", b'{"value": null, "time": "2015-01-01T00:00:00Z"}'))
        await until(lambda: bool(received.of("FS2")))
    (reading,) = received.of("FS2")
    assert math.isnan(reading.value)
    assert (reading.quality, reading.source_time_us) == (Quality.BAD, NEW_YEAR_US)
    assert received.statuses == []


async def test_garbage_is_counted_said_once_per_topic_and_over_after_good_messages(mosquitto):
    source = source_of(mosquitto)
    async with running(source) as received:
        await connected(mosquitto, received)
        await publish(mosquitto, *[("rig/FS1", b"what?")] * 5, ("rig/FS2", b"\xff"), ("rig/FS1", b"{}"))
        await publish(mosquitto, *[("rig/FS1", b"1")] * GOOD_AGAIN)
        await until(lambda: len(received.of("FS1")) >= GOOD_AGAIN)
        assert received.healthy == [False, False]
        await publish(mosquitto, *[("rig/FS2", b"2")] * GOOD_AGAIN)
        await until(lambda: len(received.statuses) == 3)
    assert source.counters.malformed == 7
    assert received.healthy == [False, False, True]
    assert "topic rig/FS1: payload 'what?': neither a number nor JSON" in received.statuses[0].message
    assert "topic rig/FS2" in received.statuses[1].message


async def test_a_retained_message_of_unknown_age_is_no_reading(mosquitto):
    await publish(mosquitto, ("rig/FS1", b"1"), retain=True)
    timed = b'{"value": 3, "time": "2015-01-01T00:00:00Z"}'
    await publish(mosquitto, ("rig/FS2", timed), retain=True)
    async with running(source_of(mosquitto)) as received:
        await until(lambda: bool(received.of("FS2")))
        await publish(mosquitto, ("rig/FS1", b"2"))
        await until(lambda: bool(received.of("FS1")))
    assert [reading.value for reading in received.of("FS1")] == [2.0]
    assert received.of("FS2")[0].source_time_us == NEW_YEAR_US


async def test_what_is_published_while_it_is_away_arrives_later(mosquitto):
    async with running(source_of(mosquitto)) as received:
        await connected(mosquitto, received)
    await publish(mosquitto, *[("rig/FS2", str(k).encode()) for k in range(50)])
    async with running(source_of(mosquitto)) as received:
        await until(lambda: len(received.of("FS2")) >= 50)
    assert [reading.value for reading in received.of("FS2")] == [60.0 * k + 1 for k in range(50)]


@pytest.fixture
def locked_broker(tmp_path):
    """A broker with TLS that wants a password."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "server.key"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "server.pem"))
    (tmp_path / "password").write_text("secret\n")
    subprocess.run(["mosquitto_passwd", "-b", "-c", tmp_path / "users", "box", "secret"], check=True)
    broker = Mosquitto(
        tmp_path,
        f"certfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key\n"
        f"password_file {tmp_path}/users\nallow_anonymous false",
    )
    yield broker
    broker.stop()


async def test_tls_and_a_password_from_a_file(locked_broker, tmp_path):
    source = source_of(
        locked_broker, tls=True, ca_file=tmp_path / "ca.pem", username="box", password_file=tmp_path / "password"
    )
    tls = aiomqtt.TLSParameters(ca_certs=str(tmp_path / "ca.pem"))
    credentials = {"username": "box", "password": "secret", "tls_params": tls}
    async with (
        running(source) as received,
        aiomqtt.Client(locked_broker.host, locked_broker.port, **credentials) as client,
    ):
        while not received.readings:
            await client.publish("rig/FS1", b"1", qos=1)
    assert received.statuses == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"password": "wrong"}, "Not authorized"),
        ({"password": None}, "can't be read"),
        ({"ca_file": None}, "CERTIFICATE_VERIFY_FAILED"),
        ({"ca_file": "password"}, "can't be used"),
    ],
)
async def test_a_broker_that_cannot_be_trusted_or_does_not_trust_us_is_named(locked_broker, tmp_path, changes, why):
    password = tmp_path / "given"
    if changes.get("password", "secret"):
        password.write_text(changes.get("password", "secret"))
    ca_file = changes.get("ca_file", "ca.pem")
    source = source_of(
        locked_broker,
        tls=True,
        ca_file=tmp_path / ca_file if ca_file else None,
        username="box",
        password_file=password,
    )
    async with running(source) as received:
        await until(lambda: bool(received.statuses))
    (status,) = received.statuses
    assert why in status.message
    assert status.hint
    assert "secret" not in status.message


@pytest.fixture
def refusing_broker(tmp_path):
    """A broker that lets nobody subscribe."""
    plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)
    if plugin is None:
        pytest.skip("this Mosquitto has no access rules for subscriptions")
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    rules = tmp_path / "access.json"
    rules.write_text(json.dumps({"defaultACLAccess": access}))
    broker = Mosquitto(tmp_path, f"allow_anonymous true\nplugin {plugin}\nplugin_opt_config_file {rules}")
    yield broker
    broker.stop()


async def test_a_topic_that_the_broker_refuses_is_a_fault(refusing_broker):
    async with running(source_of(refusing_broker)) as received:
        await until(lambda: bool(received.statuses))
    assert "refuses topic rig/FS1" in received.statuses[0].message


PROTOCOLS = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


@pytest.fixture
def roomy_broker(tmp_path):
    """A broker that keeps as much as its memory allows."""
    broker = Mosquitto(tmp_path, "allow_anonymous true\nmax_queued_messages 0")
    yield broker
    broker.stop()


@PROTOCOLS
async def test_what_was_not_stored_comes_again_and_what_was_does_not(mosquitto, protocol):
    settings = {"protocol": protocol, "acknowledge": "stored"}
    async with running(source_of(mosquitto, **settings)) as received:
        await connected(mosquitto, received)
        await publish(mosquitto, *[("rig/FS1", str(k).encode()) for k in range(3)])
        await until(lambda: len(received.readings) == 3)
        received.stores = False
        await publish(mosquitto, *[("rig/FS1", str(k).encode()) for k in range(3, 9)])
        await until(lambda: len(received.readings) == 9)
    async with running(source_of(mosquitto, **settings)) as again:
        await until(lambda: len(again.readings) == 6)
    assert [reading.value for reading in again.readings] == [3, 4, 5, 6, 7, 8]


@PROTOCOLS
async def test_what_is_stored_only_when_the_source_is_stopped_does_not_come_again(mosquitto, protocol):
    settings = {"protocol": protocol, "acknowledge": "stored"}
    async with running(source_of(mosquitto, **settings)) as received:
        await connected(mosquitto, received)
        received.stores = False
        await publish(mosquitto, *[("rig/FS1", str(k).encode()) for k in range(9)])
        await until(lambda: len(received.readings) == 9)
        asyncio.get_running_loop().call_later(0.1, received.store)
    async with running(source_of(mosquitto, **settings)) as again:
        await publish(mosquitto, ("rig/FS1", b"9"))
        await until(lambda: bool(again.readings))
    assert [reading.value for reading in again.readings] == [9]


@PROTOCOLS
async def test_the_broker_waits_when_too_much_is_not_stored_and_the_source_hurries(roomy_broker, protocol):
    hurries = []
    source = source_of(
        roomy_broker, protocol=protocol, acknowledge="stored", in_flight=20, hurry=lambda: hurries.append(1)
    )
    async with running(source) as received:
        await connected(roomy_broker, received)
        received.stores = False
        await publish(roomy_broker, *[("rig/FS1", str(k).encode()) for k in range(100)])
        await until(lambda: len(received.readings) == 20)
        assert hurries
        received.stores = True
        received.store()
        await until(lambda: len(received.readings) == 100)
    assert [reading.value for reading in received.readings] == list(range(100))


async def test_acknowledged_on_arrival_the_broker_does_not_wait(mosquitto):
    async with running(source_of(mosquitto, acknowledge="received", in_flight=20)) as received:
        await connected(mosquitto, received)
        received.stores = False
        await publish(mosquitto, *[("rig/FS1", str(k).encode()) for k in range(100)])
        await until(lambda: len(received.readings) == 100)
    assert received.waiting == []


@pytest.mark.parametrize("refusal", ["says so", "hangs up", "says nothing"])
async def test_a_broker_that_only_knows_the_former_version_is_spoken_to_in_that(refusal):
    versions = []

    async def answer(reader, writer):
        header = await reader.readexactly(12)
        versions.append(header[8])
        if header[8] == 5 and refusal == "says so":
            writer.write(b"\x20\x02\x00\x01")
        if header[8] == 5 and refusal == "says nothing":
            await reader.read()
        if header[8] == 4:
            writer.write(b"\x20\x02\x00\x00")
            await reader.read(1000)
            writer.write(b"\x90\x04\x00\x01\x01\x01" + b"\x30\x0a\x00\x07rig/FS17")
            await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    source = source_of(type("Broker", (), {"host": "127.0.0.1", "port": port}), timeout_s=0.5)
    async with server, running(source) as received:
        await until(lambda: bool(received.readings))
    assert versions == [5, 4]
    assert received.statuses == []


@PROTOCOLS
async def test_ten_thousand_topics_through_one_pattern(roomy_broker, protocol):
    names = [f"S{number}" for number in range(10_000)]
    source = source_of(
        roomy_broker, protocol=protocol, topics=[{"topic": "plant/{sensor}/value"}], sensors=frozenset(names[:9_900])
    )
    async with running(source) as received, aiomqtt.Client(roomy_broker.host, roomy_broker.port) as client:
        while not received.readings:
            await client.publish("plant/S0/value", b"0", qos=1)
        received.readings.clear()
        for number, name in enumerate(names):
            await client.publish(f"plant/{name}/value", str(number).encode(), qos=0 if number % 100 else 1)
        await until(lambda: source.counters.unknown == 100)
        await until(lambda: len({reading.sensor for reading in received.readings}) == 9_900)
    assert {reading.sensor: reading.value for reading in received.readings} == {
        name: number for number, name in enumerate(names[:9_900])
    }
    assert received.statuses == []


async def test_shared_subscriptions_split_the_messages(mosquitto):
    topics = [{"topic": "$share/boxes/rig/FS1", "sensor": "FS1"}]
    first = source_of(mosquitto, topics=topics, client_id="first")
    second = source_of(mosquitto, topics=topics, client_id="second")
    async with running(first) as one, running(second) as other:
        async with aiomqtt.Client(mosquitto.host, mosquitto.port) as client:
            while not (one.readings and other.readings):
                await client.publish("rig/FS1", b"0", qos=1)
        one.readings.clear()
        other.readings.clear()
        await publish(mosquitto, *[("rig/FS1", str(k).encode()) for k in range(20)])
        await until(lambda: len(one.readings) + len(other.readings) >= 20)
    assert sorted(reading.value for reading in one.readings + other.readings) == list(range(20))


async def test_sparkplug_asks_for_a_birth_that_it_missed(mosquitto):
    source = source_of(mosquitto, topics=[{"topic": "spBv1.0/plant/#", "payload": "sparkplug"}])
    async with running(source) as received, aiomqtt.Client(mosquitto.host, mosquitto.port) as node:
        await node.subscribe("spBv1.0/plant/NCMD/edge")
        late = payload(metric(1.0, alias=4, announced=False), seq=17)
        while not source.counters.readings and not node._queue.qsize():
            await node.publish("spBv1.0/plant/NDATA/edge", late, qos=0)
            await asyncio.sleep(0.01)
        command = await anext(node.messages)
        assert b"Node Control/Rebirth" in command.payload
        birth = payload(metric(2.5, name="PS1", alias=4, time_ms=5), seq=0)
        await node.publish("spBv1.0/plant/NBIRTH/edge", birth)
        await node.publish("spBv1.0/plant/NDATA/edge", payload(metric(3.5, alias=4, announced=False), seq=1))
        await until(lambda: len(received.of("PS1")) == 2)
    assert [reading.value for reading in received.of("PS1")] == [2.5, 3.5]


async def test_a_client_certificate(tmp_path):
    authority = trustme.CA()
    for name, certificate in (("server", authority.issue_cert("127.0.0.1")), ("box", authority.issue_cert("box@rig"))):
        certificate.private_key_pem.write_to_path(str(tmp_path / f"{name}.key"))
        certificate.cert_chain_pems[0].write_to_path(str(tmp_path / f"{name}.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    broker = Mosquitto(
        tmp_path,
        f"allow_anonymous true\ncertfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key\n"
        f"cafile {tmp_path}/ca.pem\nrequire_certificate true",
    )
    ours = {"certificate_file": tmp_path / "box.pem", "key_file": tmp_path / "box.key"}
    trusted = {"tls": True, "ca_file": tmp_path / "ca.pem"}
    tls = aiomqtt.TLSParameters(str(tmp_path / "ca.pem"), str(tmp_path / "box.pem"), str(tmp_path / "box.key"))
    try:
        async with (
            running(source_of(broker, **trusted, **ours)) as received,
            running(source_of(broker, **trusted, client_id="nobody")) as refused,
            aiomqtt.Client(broker.host, broker.port, tls_params=tls) as client,
        ):
            while not received.readings:
                await client.publish("rig/FS1", b"1", qos=1)
            for number in range(300):
                await client.publish("rig/FS2", str(number).encode(), qos=1)
            await until(lambda: len(received.of("FS2")) == 300)
            await until(lambda: bool(refused.statuses))
    finally:
        broker.stop()
    assert received.statuses == []
    assert refused.healthy == [False]
