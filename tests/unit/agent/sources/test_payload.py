import contextlib
import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sources.payload import LONGEST_PAYLOAD, Payload, parse_payload
from edge_runtime.errors import SourceError

NEW_YEAR_US = 1_420_070_400_000_000


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"12.5", Payload(12.5, None)),
        (b" -3e2\n", Payload(-300.0, None)),
        (b"7", Payload(7.0, None)),
        (b'{"value": 1.25}', Payload(1.25, None)),
        (b'{"value": 1, "time": null}', Payload(1.0, None)),
        (b'{"value": 1.2, "time": "2015-01-01T00:00:00.000001Z"}', Payload(1.2, NEW_YEAR_US + 1)),
        (b'{"value": 1.2, "time": "2015-01-01T01:00:00+01:00", "unit": "bar"}', Payload(1.2, NEW_YEAR_US)),
    ],
)
def test_numbers_and_json_are_understood(payload, expected):
    assert parse_payload(payload) == expected


@pytest.mark.parametrize(
    "payload", [b"nan", b"NaN", b"inf", b"-Infinity", b"null", b'{"value": null}', b'{"value": NaN}', b"1e999"]
)
def test_no_number_is_nan(payload):
    assert math.isnan(parse_payload(payload).value)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "neither a number nor JSON"),
        (b"hello", "neither a number nor JSON"),
        (b"\xff\xfe\x00", "neither a number nor JSON"),
        (b"{", "neither a number nor JSON"),
        (b"[" * 2000, "neither a number nor JSON"),
        (b"[1]", "not a number"),
        (b"true", "not a number"),
        (b'"12.5"', "not a number"),
        (b'{"value": "12"}', "not a number"),
        (b'{"value": false}', "not a number"),
        (b'{"temperature": 3}', 'no "value"'),
        (b'{"value": 1, "time": "yesterday"}', "ISO 8601"),
        (b'{"value": 1, "time": "2015-01-01T00:00:00"}', "time zone"),
        (b'{"value": 1, "time": 1420070400}', "ISO 8601"),
        (b'{"value": 1, "time": "0001-01-01T00:00:00+23:00"}', "before 1970"),
        (b"1" * (LONGEST_PAYLOAD + 1), "at most"),
    ],
)
def test_garbage_is_named(payload, why):
    with pytest.raises(SourceError, match=why):
        parse_payload(payload)


@given(st.binary(max_size=64))
def test_any_bytes_are_a_payload_or_a_source_error(payload):
    with contextlib.suppress(SourceError):
        assert not math.isinf(parse_payload(payload).value)


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(10**12, 2**52),
    st.integers(-23 * 60, 23 * 60),
)
def test_json_survives_unaltered(value, time_us, offset_minutes):
    zone = timezone(timedelta(minutes=offset_minutes))
    time = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).astimezone(zone)
    assert parse_payload(json.dumps({"value": value, "time": time.isoformat()}).encode()) == Payload(value, time_us)
