from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.sources.mqtt_settings import MqttSettings


def broker(*topics, **changes):
    return MqttSettings.model_validate({"name": "rig", "host": "h", "topics": topics, **changes})


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
