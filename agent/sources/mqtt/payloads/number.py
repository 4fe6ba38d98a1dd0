"""A message that is a number in text and nothing else: `12.5`."""

import math
from collections.abc import Sequence
from typing import Literal

from agent.sources.mqtt.payloads.samples import PayloadSettings, Publish, Read, Samples
from edge_runtime.errors import SourceError

_LONGEST_NUMBER = 64


class NumberPayload(PayloadSettings):
    """`12.5`, also `nan` where there is no value. Measured when it arrives."""

    format: Literal["number"]

    def reader(self, publish: Publish) -> Read:  # noqa: ARG002
        """Reads numbers."""
        return _read


def number(payload: bytes) -> float:
    """The number, NaN where there is none.

    Raises:
        ValueError: it isn't one.
    """
    if len(payload) > _LONGEST_NUMBER:
        raise ValueError("too long")
    return finite(float(payload))


def finite(value: float) -> float:
    """The value; NaN in place of infinity, which no sensor measures."""
    return value if math.isfinite(value) else math.nan


def _read(_topic: str, payload: bytes, _now_us: int) -> Sequence[Samples]:
    try:
        return (Samples((number(payload),)),)
    except ValueError:
        raise SourceError("not a number", hint="Publish a number as text.") from None
