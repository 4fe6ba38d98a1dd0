import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import SourceError
from tests.unit.agent.sources.mqtt.payloads.reading import NEW_YEAR_US, NOW_US, read


def array(settings="array", **document):
    return read(json.dumps(document).encode(), settings)


def test_values_follow_each_other_at_the_rate():
    (samples,) = array(time="2015-01-01T00:00:00Z", rate_hz=100, values=[1.5, None, 3])
    assert samples.values[0] == 1.5
    assert math.isnan(samples.values[1])
    assert list(samples.times_us) == [NEW_YEAR_US, NEW_YEAR_US + 10_000, NEW_YEAR_US + 20_000]


def test_a_rate_that_does_not_divide_a_second_does_not_drift():
    (samples,) = array(time="2015-01-01T00:00:00Z", rate_hz=300, values=[0.0] * 301)
    assert samples.times_us[300] == NEW_YEAR_US + 1_000_000


def test_a_step_several_sensors_and_empty_ones():
    found = array(time="2015-01-01T00:00:00Z", step_us=500, values={"PS1": [1.0, 2.0], "PS2": [3.0], "PS3": []})
    assert [(samples.name, list(samples.values), list(samples.times_us)) for samples in found] == [
        ("PS1", [1.0, 2.0], [NEW_YEAR_US, NEW_YEAR_US + 500]),
        ("PS2", [3.0], [NEW_YEAR_US]),
    ]


def test_without_a_time_the_last_value_is_of_now():
    (samples,) = array({"format": "array", "rate_hz": 1000}, values=[1.0, 2.0, 3.0])
    assert list(samples.times_us) == [NOW_US - 2000, NOW_US - 1000, NOW_US]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"rate_hz": 100}, "no JSON object with"),
        ({"rate_hz": 100, "values": 3}, "no JSON object with"),
        ({"rate_hz": 100, "values": {"PS1": 3}}, "no JSON object with"),
        ({"values": [1]}, 'neither "rate_hz" nor "step_us"'),
        ({"rate_hz": 0, "values": [1]}, "rate_hz is 0, out of range"),
        ({"step_us": -1, "values": [1]}, "step_us is -1, out of range"),
        ({"step_us": "x", "values": [1]}, "step_us is 'x', not a number"),
        ({"rate_hz": 100, "values": [1.0, "2"]}, r"values\[1\] is '2', not a number"),
        ({"rate_hz": 100, "values": [1.0, True]}, r"values\[1\] is 'True', not a number"),
    ],
)
def test_what_is_wrong_is_named(document, why):
    with pytest.raises(SourceError, match=why):
        array(**document)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    st.integers(1, 10**6),
    st.integers(0, 2**50),
)
def test_arrays_survive_unaltered(values, step_us, time_us):
    settings = {"format": "array", "time_unit": "us"}
    (samples,) = array(settings, time=time_us, step_us=step_us, values=values)
    assert list(samples.values) == values
    assert list(samples.times_us) == [time_us + position * step_us for position in range(len(values))]
