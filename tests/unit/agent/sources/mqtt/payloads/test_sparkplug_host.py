import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sources.mqtt.payloads.sparkplug_host import ASK_AGAIN_US, SparkplugHost
from agent.sources.mqtt.payloads.sparkplug_schema import decode
from edge_runtime.errors import SourceError
from edge_runtime.quality import Quality, Reason
from tests.unit.agent.sources.mqtt.payloads.reading import NOW_US
from tests.unit.agent.sources.mqtt.payloads.sparkplug_sender import birth_number, metric, payload

NOW_MS = NOW_US // 1000


class Host:
    """A host and what it has asked for."""

    def __init__(self):
        self.asked = []
        self.now_us = NOW_US
        self._host = SparkplugHost(lambda topic, content: self.asked.append((topic, content)))

    def receive(self, kind, content, node="edge", device=""):
        topic = f"spBv1.0/plant/{kind}/{node}" + (f"/{device}" if device else "")
        return self._host.read(topic, content, self.now_us)


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def born(host):
    """A node and its pump are announced, with aliases."""
    host.receive(
        "NBIRTH",
        payload(birth_number(7), metric(1.0, name="P", alias=1), metric(False, name="Node Control/Rebirth"), seq=0),
    )
    host.receive("DBIRTH", payload(metric(20, name="T", alias=2), metric(2.0, name="F", alias=3), seq=1), device="pump")
    return host


def flat(samples):
    return [(one.name, one.values[0], one.times_us[0] if one.times_us else None) for one in samples]


def test_a_birth_brings_values_too(host):
    found = host.receive("NBIRTH", payload(birth_number(0), metric(4.5, name="P"), seq=0, time_ms=NOW_MS))
    assert flat(found) == [("edge/P", 4.5, NOW_US)]
    assert host.asked == []


def test_data_names_metrics_by_alias_or_by_name(born):
    found = born.receive(
        "DDATA",
        payload(metric(-21, alias=2, announced=False, time_ms=5000), metric(3.5, name="F"), seq=2, time_ms=NOW_MS),
        device="pump",
    )
    assert flat(found) == [("edge/pump/T", -21.0, 5_000_000), ("edge/pump/F", 3.5, NOW_US)]
    assert flat(born.receive("NDATA", payload(metric(9.0, alias=1, announced=False), seq=3))) == [("edge/P", 9.0, None)]
    assert born.asked == []


def test_null_is_no_value_and_the_senders_quality_counts(born):
    content = payload(metric(None, name="P"), metric(1.0, name="P", code=0), metric(1.0, name="P", code=500), seq=2)
    null, bad, stale = born.receive("NDATA", content)
    assert math.isnan(null.values[0])
    assert (bad.quality, bad.reason) == (Quality.BAD, Reason.DEVICE_FAULT)
    assert (stale.quality, stale.reason) == (Quality.BAD, Reason.STALE)


def test_a_dead_device_makes_its_sensors_bad(born):
    found = born.receive("DDEATH", payload(seq=2), device="pump")
    assert {(one.name, one.quality, one.reason) for one in found} == {
        ("edge/pump/T", Quality.BAD, Reason.DEVICE_FAULT),
        ("edge/pump/F", Quality.BAD, Reason.DEVICE_FAULT),
    }
    assert all(math.isnan(one.values[0]) and one.times_us == (NOW_US,) for one in found)
    assert born.asked == []


def test_a_dead_node_makes_all_of_its_sensors_stale(born):
    found = born.receive("NDEATH", payload(birth_number(7)))
    assert {(one.name, one.reason) for one in found} == {
        ("edge/P", Reason.STALE),
        ("edge/pump/T", Reason.STALE),
        ("edge/pump/F", Reason.STALE),
    }


def test_the_will_of_a_former_life_is_no_death(born):
    assert born.receive("NDEATH", payload(birth_number(6))) == ()
    assert len(born.receive("NDATA", payload(metric(9.0, alias=1, announced=False), seq=2))) == 1


def test_a_missing_number_asks_for_a_birth_once(born):
    for seq in (4, 7):
        assert len(born.receive("NDATA", payload(metric(9.0, name="P"), seq=seq))) == 1
    ((topic, command),) = born.asked
    assert topic == "spBv1.0/plant/NCMD/edge"
    (asked,) = decode(command).metrics
    assert (asked.name, asked.boolean_value, asked.datatype) == ("Node Control/Rebirth", True, 11)


def test_a_birth_that_does_not_come_is_asked_for_again(born):
    born.receive("NDATA", payload(seq=9))
    born.now_us += ASK_AGAIN_US
    born.receive("NDATA", payload(seq=20))
    assert len(born.asked) == 2


def test_numbers_go_round_after_255(born):
    for number in range(2, 600):
        born.receive("NDATA", payload(metric(1.0, name="P"), seq=number % 256))
    assert born.asked == []


def test_who_comes_late_asks_for_a_birth(host):
    assert host.receive("DDATA", payload(metric(1.0, alias=3, announced=False), seq=40), device="pump") == []
    assert len(host.asked) == 1
    host.receive("NBIRTH", payload(metric(1.0, name="P"), seq=0))
    host.receive("DBIRTH", payload(metric(1.0, name="F", alias=3), seq=1), device="pump")
    found = host.receive("DDATA", payload(metric(1.5, alias=3, announced=False), seq=2), device="pump")
    assert flat(found) == [("edge/pump/F", 1.5, None)]
    assert len(host.asked) == 1


def test_nodes_are_told_apart(born):
    other = born.receive("NBIRTH", payload(metric(8.0, name="P", alias=1), seq=0), node="other")
    assert flat(other) == [("other/P", 8.0, None)]
    assert flat(born.receive("NDATA", payload(metric(2.0, alias=1, announced=False), seq=2))) == [("edge/P", 2.0, None)]
    assert born.asked == []


@pytest.mark.parametrize("kind", ["NCMD", "DCMD"])
def test_commands_to_others_are_not_ours(host, kind):
    assert host.receive(kind, b"") == ()


@pytest.mark.parametrize("topic", ["rig/P", "spBv1.0/plant/NDATA", "spAv1.0/plant/NDATA/edge", "spBv1.0/a/NDATA/b/c/d"])
def test_another_topic_is_an_error(topic):
    with pytest.raises(SourceError, match=r"topic is not spBv1\.0"):
        SparkplugHost(lambda _topic, _content: None).read(topic, b"", NOW_US)


def test_another_payload_is_an_error(host):
    with pytest.raises(SourceError, match="not Sparkplug B"):
        host.receive("NDATA", b"\xff\xff\xff")


SIGNED = {1: 8, 2: 16, 3: 32}
values = st.one_of(
    st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.just(float), st.just(10)),
    st.tuples(st.floats(allow_nan=False, allow_infinity=False, width=32), st.just("float"), st.just(9)),
    st.tuples(st.booleans(), st.just(bool), st.just(11)),
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.just("long"), st.just(4)),
    st.tuples(st.integers(0, 2**64 - 1), st.just("long"), st.just(8)),
    st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([int, "long"]), st.just(7)),
    *(
        st.tuples(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1), st.just(int), st.just(datatype))
        for datatype, bits in SIGNED.items()
    ),
)


@given(st.lists(st.tuples(values, st.integers(0, 2**40)), max_size=6), st.booleans())
def test_metrics_come_back_as_they_were_sent(rows, by_alias):
    host = Host()
    host.receive(
        "NBIRTH",
        payload(
            *(
                metric(None, name=f"m{number}", alias=number, datatype=datatype)
                for number, ((_, _, datatype), _) in enumerate(rows)
            ),
            seq=0,
        ),
    )
    sent = [
        metric(
            value,
            kind=kind,
            datatype=datatype,
            time_ms=time_ms + 1,
            announced=not by_alias,
            **({"alias": number} if by_alias else {"name": f"m{number}"}),
        )
        for number, ((value, kind, datatype), time_ms) in enumerate(rows)
    ]
    found = host.receive("NDATA", payload(*sent, seq=1))
    assert flat(found) == [
        (f"edge/m{number}", float(value), (time_ms + 1) * 1000)
        for number, ((value, kind, _), time_ms) in enumerate(rows)
    ]
