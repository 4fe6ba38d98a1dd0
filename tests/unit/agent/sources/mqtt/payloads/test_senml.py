"""Packs are resolved as RFC 8428 says; its own examples are among them."""

import json
import math

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import SourceError
from tests.unit.agent.sources.mqtt.payloads.reading import NEW_YEAR_US, NOW_US, read

LABELS = {"bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6}
LABELS |= {"n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "s": 5, "t": 6, "ut": 7, "vd": 8}


def in_json(pack):
    return read(json.dumps(pack).encode(), "senml+json")


def in_cbor(pack):
    return read(
        cbor2.dumps([{LABELS[label]: value for label, value in record.items()} for record in pack]), "senml+cbor"
    )


def flat(found):
    return [(samples.name, samples.values[0], samples.times_us[0]) for samples in found]


@pytest.mark.parametrize("resolve", [in_json, in_cbor])
def test_several_points_with_base_values(resolve):
    """The example of section 5.1.2."""
    base_us = 1_276_020_076_001_000
    pack = [
        {"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1.276020076001e9, "bu": "A", "bver": 5, "n": "voltage", "v": 120.1},
        {"n": "current", "t": -5, "v": 1.2},
        {"n": "current", "t": -4, "v": 1.3},
        {"n": "current", "v": 1.7},
    ]
    assert flat(resolve(pack)) == [
        ("urn:dev:ow:10e2073a0108006:voltage", 120.1, base_us),
        ("urn:dev:ow:10e2073a0108006:current", 1.2, base_us - 5_000_000),
        ("urn:dev:ow:10e2073a0108006:current", 1.3, base_us - 4_000_000),
        ("urn:dev:ow:10e2073a0108006:current", 1.7, base_us),
    ]


@pytest.mark.parametrize("resolve", [in_json, in_cbor])
def test_base_value_boolean_relative_time_and_what_is_no_number(resolve):
    pack = [
        {"bn": "press/", "bv": 20, "n": "TS1", "v": 0.5},
        {"n": "on", "vb": True, "t": -2},
        {"n": "text", "vs": "ready"},
        {"n": "TS1", "v": 1, "t": -1.5},
        {"bn": "other/"},
        {"n": "TS2", "v": -20},
    ]
    assert flat(resolve(pack)) == [
        ("press/TS1", 20.5, NOW_US),
        ("press/on", 1.0, NOW_US - 2_000_000),
        ("press/TS1", 21.0, NOW_US - 1_500_000),
        ("other/TS2", 0.0, NOW_US),
    ]


@pytest.mark.parametrize(
    ("pack", "why"),
    [
        ({"n": "a", "v": 1}, "an array of records"),
        ([1], "an array of records"),
        ([{"n": "a", "v": "1"}], "v is not a number"),
        ([{"n": "a", "v": True}], "v is not a number"),
        ([{"n": 5, "v": 1}], "n is not a text"),
        ([{"n": "a", "v": 1, "t": 1e300}], "t is no time"),
        ([{"n": "a", "v": 1, "t": -1e10}], "before 1970"),
        ([{"bver": 11, "n": "a", "v": 1}], "version 11"),
        ([{"n": "a", "v": 1, "unheard_": 2}], "'unheard_' to be understood"),
    ],
)
def test_what_is_wrong_is_named(pack, why):
    with pytest.raises(SourceError, match=why):
        in_json(pack)


def test_a_decimal_fraction_of_cbor_is_a_number():
    pack = bytes.fromhex("81 a2 00 61 61 02 c4 82 20 18 7d")  # [{0: "a", 2: 4([-1, 125])}]
    assert read(pack, "senml+cbor")[0].values == (12.5,)


def test_infinity_is_no_value():
    assert math.isnan(read(cbor2.dumps([{0: "a", 2: math.inf}]), "senml+cbor")[0].values[0])


names = st.text("abcXYZ019-:./_", max_size=12)
numbers = st.floats(-1e12, 1e12)


@given(
    st.sampled_from([in_json, in_cbor]),
    st.lists(st.tuples(names, names, numbers, numbers, st.integers(0, 2**31)), min_size=1, max_size=8),
)
def test_packs_come_back_as_they_were_resolved(resolve, rows):
    """Each record sets its own base name, base value and base time; the encoder is the test's own."""
    pack = [
        {"bn": base, "n": name, "bv": low, "v": value, "bt": NEW_YEAR_US / 1e6, "t": offset}
        for base, name, low, value, offset in rows
    ]
    assert flat(resolve(pack)) == [
        (base + name, low + value, NEW_YEAR_US + offset * 1_000_000) for base, name, low, value, offset in rows
    ]
