import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from agent.sources.mqtt.topics import PLACEHOLDER, SensorNames, TopicPattern


@pytest.mark.parametrize(
    ("pattern", "topic", "sensor"),
    [
        ("plant/{sensor}/value", "plant/PS1/value", "PS1"),
        ("$share/boxes/plant/{sensor}", "plant/PS1", "PS1"),
        ("+/{sensor}/#", "plant/PS1/a/b", "PS1"),
        ("{sensor}", "PS1", "PS1"),
    ],
)
def test_a_topic_names_its_sensor(pattern, topic, sensor):
    assert TopicPattern(pattern).expression.fullmatch(topic)["sensor"] == sensor


def test_what_is_subscribed_to():
    assert TopicPattern("$share/boxes/plant/{sensor}/value").filter == "$share/boxes/plant/+/value"
    assert not TopicPattern("a/{sensor}").is_exact
    assert TopicPattern("a/b.c").is_exact


levels = st.sampled_from(["a", "b", "a.b", "", "$sys", "ü"])
topics = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)
patterns = st.builds(
    lambda parts, end: "/".join([*parts, *end]),
    st.lists(st.one_of(levels, st.sampled_from(["+", PLACEHOLDER])), min_size=1, max_size=4),
    st.sampled_from([[], ["#"]]),
).filter(lambda text: text and text.count(PLACEHOLDER) < 2)


@given(patterns, topics)
def test_patterns_fit_the_topics_that_a_broker_sends_for_them(pattern, topic):
    described = TopicPattern(pattern)
    assert bool(described.expression.fullmatch(topic)) == topic_matches_sub(described.filter, topic)


def test_a_sensor_is_found_by_its_name_another_name_or_the_end_of_one():
    names = SensorNames(["PS1", "PS2", "TS1"], {"PS2": "pump/pressure"})
    assert names.sensor("PS1") == "PS1"
    assert names.sensor("edge1/pump/pressure") == "PS2"
    assert names.sensor("edge1/TS1") == "TS1"
    assert names.sensor("PS2") is None
    assert names.sensor("pressure") is None
    assert names.sensor("TS1/edge1") is None
