"""Every transport, kind and unit, against a device on the wire."""

import asyncio
import random
import ssl
import termios
import time
from itertools import pairwise

import pytest
import trustme

from agent.sources.modbus.settings import ModbusSettings
from agent.sources.modbus.source import ModbusSource
from edge_runtime.quality import Quality
from tests.servers.modbus_wire import RtuFrames, WireDevice
from tests.servers.running_source import running, until

GATEWAY_NO_RESPONSE = 11


def source_of(transport, *groups, **changes):
    settings = {"name": "plc", "transport": transport, "timeout_s": 0.3, "longest_retry_s": 0.3, "groups": groups}
    return ModbusSource(
        ModbusSettings.model_validate(settings | changes), now_us=lambda: time.time_ns() // 1000, rng=random.Random(1)
    )


def tcp(port, kind="tcp", **changes):
    return {"type": kind, "host": "127.0.0.1", "port": port, **changes}


def group(*sensors, **changes):
    registers = [{"sensor": sensor, "address": 2 * k} for k, sensor in enumerate(sensors)]
    return {"period_s": 0.01, "registers": registers, **changes}


async def test_all_four_kinds_are_read_over_one_connection():
    device = WireDevice()
    device.put_floats(1, "holding", 0, 1.5)
    device.put(1, "input", 3, 0xFFFE)
    device.put(1, "coil", 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    device.put(1, "discrete", 7, 0)
    registers = [
        {"sensor": "H", "address": 0},
        {"sensor": "I", "kind": "input", "address": 3, "type": "int16", "scale": 0.5},
        {"sensor": "C0", "kind": "coil", "address": 0},
        {"sensor": "C9", "kind": "coil", "address": 9},
        {"sensor": "D", "kind": "discrete", "address": 7},
    ]
    async with device.over_tcp() as port:
        source = source_of(tcp(port), {"period_s": 0.01, "registers": registers})
        async with running(source) as received:
            await until(lambda: len(received.readings) >= 20)
    assert {r.sensor: r.value for r in received.readings} == {"H": 1.5, "I": -1.0, "C0": 1.0, "C9": 1.0, "D": 0.0}
    assert all(reading.quality is Quality.GOOD for reading in received.readings)
    assert device.connections == 1


async def test_rtu_frames_over_tcp():
    device = WireDevice(RtuFrames())
    device.put_floats(5, "holding", 0, 1.5, -2.5)
    async with device.over_tcp() as port:
        source = source_of(tcp(port, "rtu_over_tcp"), group("A", "B"), unit_id=5)
        async with running(source) as received:
            await until(lambda: len(received.readings) >= 6)
    assert {(reading.sensor, reading.value) for reading in received.readings} == {("A", 1.5), ("B", -2.5)}


async def test_several_units_on_one_serial_line():
    device = WireDevice(RtuFrames())
    device.put_floats(3, "holding", 0, 1.5)
    device.put_floats(4, "holding", 0, 2.5)
    async with device.over_serial() as path:
        transport = {"type": "rtu", "device": path, "parity": "none"}
        async with running(source_of(transport, group("A", unit_id=3), group("B", unit_id=4))) as received:
            await until(lambda: len(received.of("A")) >= 5 and len(received.of("B")) >= 5)
    assert {(reading.sensor, reading.value) for reading in received.readings} == {("A", 1.5), ("B", 2.5)}


async def test_a_serial_port_that_is_not_there_is_said_with_what_to_do():
    async with running(source_of({"type": "rtu", "device": "/dev/nowhere"}, group("A"))) as received:
        await until(lambda: bool(received.statuses))
    assert "/dev/nowhere" in received.statuses[0].message
    assert "dialout" in received.statuses[0].hint


async def test_a_serial_port_that_does_not_take_its_parity_is_a_fault(monkeypatch):
    def refuse(*_arguments):
        raise termios.error(22, "Invalid argument")

    monkeypatch.setattr(termios, "tcsetattr", refuse)
    async with (
        WireDevice(RtuFrames()).over_serial() as path,
        running(source_of({"type": "rtu", "device": path}, group("A"))) as received,
    ):
        await until(lambda: bool(received.statuses))
    assert "doesn't take baud rate or parity" in received.statuses[0].message


async def test_a_unit_that_does_not_answer_is_left_alone_while_the_others_are_read():
    device = WireDevice()
    device.put_floats(1, "holding", 0, 1.5)
    device.put_floats(2, "holding", 0, 2.5)
    device.silent = {2}
    async with device.over_tcp() as port:
        source = source_of(tcp(port), group("A"), group("B", unit_id=2), longest_retry_s=5.0)
        async with running(source) as received:
            await until(lambda: len(received.of("A")) >= 100)
            assert len([request for request in device.requests if request.unit == 2]) <= 6
            device.silent = set()
            await until(lambda: bool(received.of("B")))
            await until(lambda: received.healthy == [False, True])
    assert "of unit 2" in received.statuses[0].message


async def test_a_unit_that_the_gateway_can_not_reach_is_left_alone_without_a_new_connection():
    class Gateway(WireDevice):
        def pdu(self, request):
            return bytes([0x83, GATEWAY_NO_RESPONSE]) if request.unit == 2 else super().pdu(request)

    device = Gateway()
    device.put_floats(1, "holding", 0, 1.5)
    async with device.over_tcp() as port:
        source = source_of(tcp(port), group("A"), group("B", unit_id=2), longest_retry_s=5.0)
        async with running(source) as received:
            await until(lambda: len(received.of("A")) >= 100)
    asked = len([request for request in device.requests if request.unit == 2])
    assert source.counters.exceptions == {GATEWAY_NO_RESPONSE: asked}
    assert asked <= 6
    assert {reading.quality for reading in received.of("B")} == {Quality.BAD}
    assert device.connections == 1


async def test_requests_keep_the_distance_that_was_asked_for():
    device = WireDevice()
    device.put_floats(1, "holding", 0, 1.0)
    device.put_floats(2, "holding", 0, 2.0)
    arrivals = []

    class Noting(WireDevice):
        async def respond(self, request, send):
            arrivals.append(asyncio.get_running_loop().time())
            await super().respond(request, send)

    noting = Noting(units=device.units)
    async with noting.over_tcp() as port:
        source = source_of(tcp(port), group("A"), group("B", unit_id=2), request_delay_s=0.05)
        async with running(source):
            await until(lambda: len(arrivals) >= 6)
    assert all(later - earlier >= 0.045 for earlier, later in pairwise(arrivals))


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def certificates(authority, tmp_path):
    """Files for the client's side: who signs, our certificate and our key."""
    ours = authority.issue_cert("box@example.com")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "box.pem")
    ours.private_key_pem.write_to_path(tmp_path / "box.key")
    return {
        "ca_file": tmp_path / "ca.pem",
        "certificate_file": tmp_path / "box.pem",
        "key_file": tmp_path / "box.key",
    }


def server_context(authority, host="127.0.0.1", *, wants_certificate=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    if wants_certificate:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_tls_with_certificates_on_both_sides(authority, certificates):
    device = WireDevice()
    device.put_floats(1, "holding", 0, 1.5)
    async with (
        device.over_tcp(server_context(authority, wants_certificate=True)) as port,
        running(source_of(tcp(port, "tls", **certificates), group("A"))) as received,
    ):
        await until(lambda: len(received.readings) >= 3)
    assert received.readings[0].value == 1.5


@pytest.mark.parametrize(
    ("host", "trusted", "said"),
    [("127.0.0.1", False, "unable to get local issuer certificate"), ("plc.example.com", True, "IP address mismatch")],
)
async def test_a_device_that_can_not_prove_who_it_is_is_not_read(authority, certificates, host, trusted, said):
    device = WireDevice()
    device.put_floats(1, "holding", 0, 1.5)
    trust = {"ca_file": certificates["ca_file"]} if trusted else {}
    async with (
        device.over_tcp(server_context(authority, host)) as port,
        running(source_of(tcp(port, "tls", **trust), group("A"))) as received,
    ):
        await until(lambda: bool(received.statuses))
    assert said in received.statuses[0].message
    assert "ca_file" in received.statuses[0].hint
    assert device.requests == []


async def test_unless_told_so(authority):
    device = WireDevice()
    device.put_floats(1, "holding", 0, 1.5)
    async with (
        device.over_tcp(server_context(authority, "plc.example.com")) as port,
        running(source_of(tcp(port, "tls", verify=False), group("A"))) as received,
    ):
        await until(lambda: len(received.readings) >= 3)


async def test_a_certificate_that_can_not_be_read_is_a_fault(tmp_path):
    transport = tcp(802, "tls", ca_file=tmp_path / "missing.pem")
    async with running(source_of(transport, group("A"))) as received:
        await until(lambda: bool(received.statuses))
    assert "missing.pem" in received.statuses[0].message
    assert "PEM" in received.statuses[0].hint


async def test_a_dead_band_keeps_a_resting_value_to_itself():
    device = WireDevice()
    device.put_floats(1, "holding", 0, 5.0, 7.0)
    settings = group("A", "B")
    settings["registers"][0]["dead_band"] = 0.5
    async with device.over_tcp() as port, running(source_of(tcp(port), settings)) as received:
        await until(lambda: len(received.of("B")) >= 20)
        device.put_floats(1, "holding", 0, 5.4)
        await until(lambda: len(received.of("B")) >= 40)
        device.put_floats(1, "holding", 0, 5.6)
        await until(lambda: len(received.of("A")) >= 2)
    assert [reading.value for reading in received.of("A")] == [5.0, pytest.approx(5.6)]
