from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.sources.modbus.settings import ModbusSettings

TCP = {"type": "tcp", "host": "h"}


def device(*groups, **changes):
    return ModbusSettings.model_validate({"name": "plc", "transport": TCP, "groups": groups, **changes})


def registers(*addresses, **changes):
    return [{"sensor": f"S{address}", "address": address, **changes} for address in addresses]


def test_a_group_with_a_clock_is_one_read_even_over_a_wide_gap():
    settings = device({"clock": {"address": 0}, "registers": registers(100)}, widest_gap=0)
    assert settings.limits_of(settings.groups[0]).widest_gap >= 96


@pytest.mark.parametrize("others", [registers(124), registers(10, kind="input")])
def test_a_clock_that_cannot_be_read_with_its_values_is_refused(others):
    with pytest.raises(ValidationError, match="read in one request"):
        device({"clock": {"address": 0}, "registers": others})


def test_a_sensor_in_two_groups_is_refused():
    with pytest.raises(ValidationError, match="sensor used twice: S4"):
        device({"registers": registers(4)}, {"registers": registers(4, kind="input")})


def test_the_sensors_of_all_groups_are_the_sources():
    assert device({"registers": registers(0)}, {"registers": registers(2)}).sensors == {"S0", "S2"}


def test_a_group_may_have_a_unit_of_its_own():
    settings = device({"registers": registers(0)}, {"unit_id": 7, "registers": registers(2)}, unit_id=3)
    assert [settings.unit_of(group) for group in settings.groups] == [3, 7]


def test_the_widest_gap_follows_from_the_transport_unless_it_is_given():
    serial = {"type": "rtu", "device": "/dev/ttyUSB0"}
    for transport, given, gap in ((TCP, None, 125), (serial, None, 14), (serial, 3, 3), (TCP, 0, 0)):
        settings = device({"registers": registers(0)}, transport=transport, widest_gap=given)
        assert settings.limits_of(settings.groups[0]).widest_gap == gap


@pytest.mark.parametrize(
    ("transport", "said"),
    [
        ({"type": "tcp"}, "host"),
        ({"type": "tcp", "host": "h", "port": 0}, "port"),
        ({"type": "tcp", "host": "h", "baud_rate": 9600}, "baud_rate"),
        ({"type": "rtu", "device": "/dev/ttyS0", "parity": "mark"}, "parity"),
        ({"type": "rtu", "device": "/dev/ttyS0", "baud_rate": 1}, "baud_rate"),
        ({"type": "rtu", "device": "/dev/ttyS0", "stop_bits": 3}, "stop_bits"),
        ({"type": "tls", "host": "h", "certificate_file": "c.pem"}, "belong together"),
        ({"type": "tls", "host": "h", "verify": False, "ca_file": "ca.pem"}, "verify: false"),
        ({"type": "udp", "host": "h"}, "'tcp', 'rtu_over_tcp', 'tls', 'rtu'"),
    ],
)
def test_wrong_transports_are_refused(transport, said):
    with pytest.raises(ValidationError, match=said):
        device({"registers": registers(0)}, transport=transport)


def test_tls_verifies_unless_told_not_to():
    settings = device({"registers": registers(0)}, transport={"type": "tls", "host": "h"})
    assert (settings.transport.port, settings.transport.verify) == (802, True)
    assert settings.transport.context().check_hostname
    lax = device({"registers": registers(0)}, transport={"type": "tls", "host": "h", "verify": False})
    assert not lax.transport.context().check_hostname


def test_a_serial_port_is_a_path():
    settings = device({"registers": registers(0)}, transport={"type": "rtu", "device": "/dev/ttyS0"})
    assert settings.transport.device == Path("/dev/ttyS0")
    assert str(settings.transport) == "/dev/ttyS0 at 19200 baud"


@pytest.mark.parametrize(
    "changes",
    [{"unit_id": 256}, {"timeout_s": 0}, {"timeout_s": "nan"}, {"address": 1}, {"name": "a b"}, {"max_registers": 126}],
)
def test_wrong_modbus_settings_are_refused(changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        device({"registers": registers(0)}, **changes)


@pytest.mark.parametrize(
    "changes", [{"address": 65536}, {"type": "float16"}, {"byte_order": "mixed"}, {"scale": "inf"}]
)
def test_wrong_register_settings_are_refused(changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        device({"registers": [{"sensor": "S", "address": 0, **changes}]})
