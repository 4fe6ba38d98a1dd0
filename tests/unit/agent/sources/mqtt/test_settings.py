from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.sources.mqtt.settings import MqttSettings, Protocol


def broker(*topics, **changes):
    return MqttSettings.model_validate({"name": "rig", "host": "h", "topics": topics, **changes})


@pytest.mark.parametrize(
    "topic", ["rig/+", "rig/#", "", "a\x00b", "a/#/b", "a+", "{sensor}{sensor}", "$share/x", "{x}"]
)
def test_one_sensor_has_one_topic(topic):
    with pytest.raises(ValidationError, match="topic"):
        broker({"topic": topic, "sensor": "S"})


def test_a_topic_that_says_nothing_about_its_sensor_is_refused():
    with pytest.raises(ValidationError, match="name its sensor"):
        broker({"topic": "rig/+/value"})


def test_a_pattern_or_a_payload_that_names_sensors_needs_none():
    settings = broker(
        {"topic": "plant/{sensor}/value", "names": {"PS1": "pressure-1"}},
        {"topic": "press/+", "payload": {"sensors": {"TS1": "$.t"}}},
        {"topic": "spBv1.0/plant/#", "payload": "sparkplug"},
    )
    assert settings.sensors == {"PS1", "TS1"}
    assert [topic.takes_any for topic in settings.topics] == [True, False, True]


def test_names_without_anything_that_names_sensors_are_refused():
    with pytest.raises(ValidationError, match="names is for"):
        broker({"topic": "a", "sensor": "S", "names": {"T": "t"}})


@pytest.mark.parametrize("payload", ["protobuf", {"format": "json", "valu": "x"}, {"format": "array", "rate_hz": 0}])
def test_wrong_payload_settings_are_refused(payload):
    with pytest.raises(ValidationError, match="payload"):
        broker({"topic": "a", "sensor": "S", "payload": payload})


@pytest.mark.parametrize(("written", "protocol"), [(5, "5"), ("5", "5"), ("3.1.1", "3.1.1"), ("auto", "auto")])
def test_the_protocol_may_be_written_as_a_number(written, protocol):
    assert broker({"topic": "a", "sensor": "S"}, protocol=written).protocol == protocol


def test_messages_wait_to_be_stored_where_the_protocol_lets_us_make_room():
    auto, always = (broker({"topic": "a", "sensor": "S"}, acknowledge=one).acknowledge for one in ("auto", "stored"))
    assert [auto.waits(Protocol.V5), auto.waits(Protocol.V311)] == [True, False]
    assert [always.waits(Protocol.V5), always.waits(Protocol.V311)] == [True, True]


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
    assert first.identifier("zema") == again.identifier("zema") != other.identifier("zema")
    assert first.identifier("zema") != first.identifier("press")
    assert broker({"topic": "a", "sensor": "S"}, client_id="mine").identifier("zema") == "mine"
