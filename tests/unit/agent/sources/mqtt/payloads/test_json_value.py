import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.sources.mqtt.payloads.json_value import JsonPayload
from agent.sources.mqtt.payloads.samples import LONGEST_PAYLOAD
from edge_runtime.errors import SourceError
from edge_runtime.quality import Quality, Reason
from tests.unit.agent.sources.mqtt.payloads.reading import NEW_YEAR_US, read


@pytest.mark.parametrize(
    ("payload", "value", "time_us"),
    [
        (b"12.5", 12.5, None),
        (b" -3e2\n", -300.0, None),
        (b"7", 7.0, None),
        (b'{"value": 1.25}', 1.25, None),
        (b'{"value": 1, "time": null}', 1.0, None),
        (b'{"value": 1.2, "time": "2015-01-01T00:00:00.000001Z"}', 1.2, NEW_YEAR_US + 1),
        (b'{"value": 1.2, "time": "2015-01-01T01:00:00+01:00", "unit": "bar"}', 1.2, NEW_YEAR_US),
    ],
)
def test_numbers_and_documents_are_understood_without_settings(payload, value, time_us):
    (samples,) = read(payload)
    assert samples.values == (value,)
    assert samples.times_us == (None if time_us is None else (time_us,))


@pytest.mark.parametrize(
    "payload", [b"nan", b"NaN", b"inf", b"-Infinity", b"null", b'{"value": null}', b'{"value": NaN}', b"1e999"]
)
def test_no_number_is_nan(payload):
    assert math.isnan(read(payload)[0].values[0])


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "neither a number nor JSON"),
        (b"hello", "neither a number nor JSON"),
        (b"\xff\xfe\x00", "neither a number nor JSON"),
        (b"{", "neither a number nor JSON"),
        (b"[" * 2000, "neither a number nor JSON"),
        (b"[1]", "no value at \\$.value"),
        (b"true", "not a number"),
        (b'"12.5"', "not a number"),
        (b'{"value": "12"}', "'12', not a number"),
        (b'{"value": false}', "not a number"),
        (b'{"temperature": 3}', "no value at \\$.value"),
        (b'{"value": 1, "time": "yesterday"}', "ISO 8601"),
        (b'{"value": 1, "time": "2015-01-01T00:00:00"}', "time zone"),
        (b'{"value": 1, "time": 1420070400}', "ISO 8601"),
        (b'{"value": 1, "time": "0001-01-01T00:00:00+23:00"}', "before 1970"),
        (b"1" * (LONGEST_PAYLOAD + 1), "at most"),
    ],
)
def test_garbage_is_named(payload, why):
    with pytest.raises(SourceError, match=why):
        read(payload)


@pytest.mark.parametrize("path", ["$.data.rows[1].v", "data.rows[1].v"])
def test_values_and_times_at_other_paths(path):
    payload = json.dumps({"ts": 1_420_070_400_000, "data": {"rows": [{"v": 1}, {"v": 2.5}]}}).encode()
    (samples,) = read(payload, {"format": "json", "value": path, "time": "$.ts", "time_unit": "ms"})
    assert samples.values == (2.5,)
    assert samples.times_us == (NEW_YEAR_US,)


def test_several_sensors_in_a_message():
    settings = {"format": "json", "sensors": {"TS1": "$.oil.t", "FS1": "$.oil.q", "PS1": "$.p"}}
    found = read(b'{"oil": {"t": 44.5, "q": null}, "time": "2015-01-01T00:00:00Z"}', settings)
    assert [(samples.name, samples.times_us) for samples in found] == [("TS1", (NEW_YEAR_US,)), ("FS1", (NEW_YEAR_US,))]
    assert found[0].values == (44.5,)
    assert math.isnan(found[1].values[0])


@pytest.mark.parametrize(
    ("stated", "quality"),
    [
        ("Good", Quality.GOOD),
        (True, Quality.GOOD),
        (192, Quality.GOOD),
        (None, Quality.GOOD),
        ("uncertain", Quality.UNCERTAIN),
        (68, Quality.UNCERTAIN),
        ("bad", Quality.BAD),
        (0, Quality.BAD),
        (False, Quality.BAD),
    ],
)
def test_the_senders_own_quality(stated, quality):
    payload = json.dumps({"value": 1, "q": stated}).encode()
    (samples,) = read(payload, {"format": "json", "quality": "q"})
    assert (samples.quality, samples.reason) == (
        quality,
        Reason.NONE if quality is Quality.GOOD else Reason.DEVICE_FAULT,
    )


@pytest.mark.parametrize("path", ["", "$", "a..b", "a[x]", "a]"])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(ValidationError, match="value"):
        JsonPayload.model_validate({"format": "json", "value": path})


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(10**12, 2**52),
    st.integers(-23 * 60, 23 * 60),
)
def test_json_survives_unaltered(value, time_us, offset_minutes):
    zone = timezone(timedelta(minutes=offset_minutes))
    time = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).astimezone(zone)
    (samples,) = read(json.dumps({"value": value, "time": time.isoformat()}).encode())
    assert samples.values == (value,)
    assert samples.times_us == (time_us,)
