import json
import math

import pytest

from agent.sources.mqtt.message import Message
from agent.sources.mqtt.route import Routes
from agent.sources.mqtt.settings import MqttSettings
from edge_runtime.errors import SourceError
from edge_runtime.quality import Quality, Reason
from edge_runtime.reading import Reading

NOW_US = 1_700_000_000_000_000
MACHINE = frozenset({"PS1", "PS2", "TS1"})


def understood(topic, payload, *topics, retained=False):
    settings = MqttSettings.model_validate({"name": "rig", "host": "h", "topics": topics})
    found = Routes(settings, MACHINE, lambda _topic, _payload: None).find(topic)
    if found is None:
        return None
    route, named = found
    return route.understand(Message(topic, payload, retained=retained), named, NOW_US)


def test_scale_and_offset_make_the_canonical_unit():
    found = understood("a", b"0.5", {"topic": "a", "sensor": "TS1", "scale": 60, "offset": 1})
    assert found.readings == [Reading("TS1", 31.0, Quality.GOOD, NOW_US, NOW_US)]


def test_a_unit_becomes_the_canonical_one():
    (reading,) = understood(
        "a", b"300", {"topic": "a", "sensor": "TS1", "scale": 2, "offset": 1, "unit": "kPa"}
    ).readings
    assert reading.value == pytest.approx(6.01)
    stated = {"topic": "a", "sensor": "TS1", "unit": "kPa", "payload": {"unit": "u"}}
    assert understood("a", b'{"value": 2, "u": "MPa"}', stated).readings[0].value == pytest.approx(20)
    pack = b'[{"n": "TS1", "u": "K", "v": 300}, {"n": "PS1", "u": "Cel", "v": 40}]'
    found = understood("a", pack, {"topic": "a", "payload": "senml+json"})
    assert [reading.value for reading in found.readings] == pytest.approx([26.85, 40])


def test_a_unit_that_nobody_knows_is_an_error():
    with pytest.raises(SourceError, match="unit 'furlong' is not known"):
        understood("a", b'{"value": 2, "u": "furlong"}', {"topic": "a", "sensor": "TS1", "payload": {"unit": "u"}})


def test_no_value_is_bad_and_says_why():
    (reading,) = understood("a", b"nan", {"topic": "a", "sensor": "TS1"}).readings
    assert math.isnan(reading.value)
    assert (reading.quality, reading.reason) == (Quality.BAD, Reason.NOT_A_NUMBER)


def test_the_topic_names_the_sensor():
    topics = {"topic": "plant/{sensor}/value", "names": {"PS2": "pressure-2"}}
    assert understood("plant/PS1/value", b"1", topics).readings[0].sensor == "PS1"
    assert understood("plant/pressure-2/value", b"1", topics).readings[0].sensor == "PS2"
    assert understood("plant/other/value", b"1", topics).unknown == ["other"]
    assert understood("plant/PS1", b"1", topics) is None


def test_the_payload_names_sensors():
    payload = json.dumps({"rate_hz": 1000, "values": {"PS1": [1.0, 2.0], "XX": [3.0]}}).encode()
    found = understood("fast", payload, {"topic": "fast", "payload": "array"})
    assert [(one.sensor, one.value, one.source_time_us) for one in found.readings] == [
        ("PS1", 1.0, NOW_US - 1000),
        ("PS1", 2.0, NOW_US),
    ]
    assert found.unknown == ["XX"]


def test_an_exact_topic_goes_before_a_pattern():
    topics = ({"topic": "rig/{sensor}"}, {"topic": "rig/PS1", "sensor": "PS2"})
    assert understood("rig/PS1", b"1", *topics).readings[0].sensor == "PS2"
    assert understood("rig/TS1", b"1", *topics).readings[0].sensor == "TS1"


@pytest.mark.parametrize(
    ("payload", "settings"), [(b"1", "number"), (b'{"rate_hz": 10, "values": [1, 2]}', {"format": "array"})]
)
def test_a_retained_value_of_unknown_age_is_no_reading(payload, settings):
    topic = {"topic": "a", "sensor": "PS1", "payload": settings}
    assert understood("a", payload, topic, retained=True).readings == []
    assert understood("a", payload, topic).readings != []


def test_a_payload_of_another_format_is_an_error():
    number = {"topic": "a", "sensor": "PS1", "payload": "number"}
    with pytest.raises(SourceError, match="payload 'what is': not a number"):
        understood("a", b"what is", number)
    with pytest.raises(SourceError, match=f"payload 0x{'ff' * 40}…: not a number"):
        understood("a", b"\xff" * 41, number)
