"""The number in an MQTT message: plain text, or a JSON object with a time. No I/O."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from edge_runtime.errors import SourceError

LONGEST_PAYLOAD = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Payload:
    """What a message says.

    Attributes:
        value: in the sender's unit; NaN where the sender says that it has none.
        time_us: when it was measured, microseconds since 1970 UTC; None when the sender doesn't say.
    """

    value: float
    time_us: int | None


def parse_payload(payload: bytes) -> Payload:
    """Understand `12.5`, or `{"value": 12.5, "time": "2015-01-01T00:00:00.000000Z"}`, where time may be left out.

    A value of null, NaN or infinity is no value.

    Raises:
        SourceError: it is neither; says why.
    """
    if len(payload) > LONGEST_PAYLOAD:
        raise SourceError(f"payload of {len(payload)} bytes, at most {LONGEST_PAYLOAD} are read")
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        try:
            return Payload(_finite(float(payload)), None)
        except ValueError:
            raise SourceError(f"payload {_shown(payload)} is neither a number nor JSON") from None
    if not isinstance(content, dict):
        return Payload(_number(content, payload), None)
    if "value" not in content:
        raise SourceError(f'payload {_shown(payload)} has no "value"')
    time = content.get("time")
    return Payload(_number(content["value"], payload), None if time is None else _time_us(time))


def _number(value: object, payload: bytes) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SourceError(f"payload {_shown(payload)}: the value is not a number")
    try:
        return _finite(float(value))
    except OverflowError:
        return math.nan


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan


def _time_us(time: object) -> int:
    shown = repr(str(time)[:40])
    try:
        moment = datetime.fromisoformat(time)  # type: ignore[arg-type]
        time_us = (moment - _EPOCH) // _MICROSECOND
    except (TypeError, ValueError, OverflowError):
        raise SourceError(f"time {shown} is not ISO 8601 with a time zone, such as 2015-01-01T00:00:00Z") from None
    if time_us < 0:
        raise SourceError(f"time {shown} is before 1970")
    return time_us


def _shown(payload: bytes) -> str:
    return repr(payload[:40].decode(errors="replace")) + ("…" if len(payload) > 40 else "")
