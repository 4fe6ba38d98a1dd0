from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.sources.modbus_settings import ModbusSettings, ReadGroup
from agent.sources.mqtt_settings import MqttSettings


def device(*groups, **changes):
    return ModbusSettings.model_validate({"name": "plc", "host": "h", "groups": groups, **changes})


def registers(*addresses, **changes):
    return [{"sensor": f"S{address}", "address": address, **changes} for address in addresses]


def broker(*topics, **changes):
    return MqttSettings.model_validate({"name": "rig", "host": "h", "topics": topics, **changes})


def test_a_group_without_a_clock_may_need_several_reads():
    group = ReadGroup.model_validate({"registers": registers(0, 300)})
    assert len(group.reads) == 2


def test_a_group_with_a_clock_is_one_read_even_over_a_wide_gap():
    group = ReadGroup.model_validate({"clock": {"address": 0}, "registers": registers(100)})
    assert [(block.address, block.count) for block in group.reads] == [(0, 102)]


@pytest.mark.parametrize("others", [registers(124), registers(10, kind="input")])
def test_a_clock_that_cannot_be_read_with_its_values_is_refused(others):
    with pytest.raises(ValidationError, match="read in one request"):
        ReadGroup.model_validate({"clock": {"address": 0}, "registers": others})


def test_a_sensor_in_two_groups_is_refused():
    with pytest.raises(ValidationError, match="sensor used twice: S4"):
        device({"registers": registers(4)}, {"registers": registers(4, kind="input")})


def test_the_sensors_of_all_groups_are_the_devices():
    assert device({"registers": registers(0)}, {"registers": registers(2)}).sensors == {"S0", "S2"}


@pytest.mark.parametrize(
    "changes", [{"port": 0}, {"unit": 256}, {"timeout_s": 0}, {"timeout_s": "nan"}, {"address": 1}, {"name": "a b"}]
)
def test_wrong_modbus_settings_are_refused(changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        device({"registers": registers(0)}, **changes)


@pytest.mark.parametrize(
    "changes", [{"address": 65536}, {"type": "float16"}, {"word_order": "mixed"}, {"scale": "inf"}]
)
def test_wrong_register_settings_are_refused(changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        device({"registers": [{"sensor": "S", "address": 0, **changes}]})


@pytest.mark.parametrize("topic", ["rig/+", "rig/#", "", "a\x00b"])
def test_a_topic_is_exactly_one(topic):
    with pytest.raises(ValidationError, match="topic"):
        broker({"topic": topic, "sensor": "S"})


def test_two_sensors_on_one_topic_are_refused():
    with pytest.raises(ValidationError, match="topic used twice: a"):
        broker({"topic": "a", "sensor": "S"}, {"topic": "a", "sensor": "T"})


def test_certificates_without_tls_are_refused():
    with pytest.raises(ValidationError, match="tls: true"):
        broker({"topic": "a", "sensor": "S"}, ca_file="ca.pem")


def test_a_password_belongs_to_a_user():
    with pytest.raises(ValidationError, match="without a username"):
        broker({"topic": "a", "sensor": "S"}, password_file=Path("p"))


def test_the_client_id_is_the_same_at_every_start_and_differs_between_sources():
    first, again = broker({"topic": "a", "sensor": "S"}), broker({"topic": "a", "sensor": "S"})
    other = broker({"topic": "a", "sensor": "S"}, name="rig2")
    assert first.identifier == again.identifier != other.identifier
    assert broker({"topic": "a", "sensor": "S"}, client_id="mine").identifier == "mine"
