"""Whatever bytes arrive, a format understands them or says why not; nothing else is raised."""

import json
import math

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import SourceError
from edge_runtime.quality import Quality
from tests.unit.agent.sources.mqtt.payloads.reading import read

FORMATS = ["json", "number", "array", "senml+json", "senml+cbor", "sparkplug"]
SETTINGS = [
    *FORMATS,
    {"format": "json", "value": "a[0].v", "time": "t", "time_unit": "ms", "quality": "q"},
    {"format": "json", "sensors": {"PS1": "a.b", "PS2": "v"}},
    {"format": "array", "rate_hz": 100, "time_unit": "s"},
]
keys = st.sampled_from(
    ["value", "values", "time", "t", "v", "n", "bn", "bt", "bv", "vb", "bver", "rate_hz", "step_us", "a", "q"]
)
labels = st.integers(-7, 9)
leaves = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8))
documents = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5))
packs = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(labels | keys, inner, max_size=5)
)


def understood_or_refused(payload, settings, topic):
    try:
        found = read(payload, settings, topic)
    except SourceError:
        return
    for samples in found:
        assert not any(math.isinf(value) for value in samples.values)
        assert isinstance(samples.quality, Quality)
        if samples.times_us is not None:
            assert len(samples.times_us) == len(samples.values)
            assert all(isinstance(time_us, int) and 0 <= time_us < 2**63 for time_us in samples.times_us)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@given(payload=st.binary(max_size=200))
def test_random_bytes(settings, payload):
    understood_or_refused(payload, settings, "spBv1.0/g/NDATA/n")


@pytest.mark.parametrize("settings", [one for one in SETTINGS if one not in ("senml+cbor", "sparkplug")], ids=str)
@given(document=documents)
def test_random_documents(settings, document):
    understood_or_refused(json.dumps(document).encode(), settings, "rig/S")


@given(pack=packs)
def test_random_packs(pack):
    understood_or_refused(cbor2.dumps(pack), "senml+cbor", "rig/S")


@given(
    payload=st.binary(max_size=100), kind=st.sampled_from(["NBIRTH", "DBIRTH", "NDATA", "NDEATH", "DDEATH", "STATE"])
)
def test_random_sparkplug(payload, kind):
    understood_or_refused(b"\x12" + bytes([len(payload)]) + payload, "sparkplug", f"spBv1.0/g/{kind}/n")
