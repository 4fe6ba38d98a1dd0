"""JSON documents, and the way to a value in one."""

import json
import math
import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
from pydantic import BeforeValidator, PlainSerializer

from agent.sources.mqtt.payloads.number import finite
from agent.sources.mqtt.payloads.samples import check_length
from edge_runtime.errors import SourceError

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def parse_path(path: object) -> object:
    """`$.data.value`, `data.value` or `rows[0].value` as its steps: keys and positions. Anything else as it is."""
    if not isinstance(path, str):
        return path
    rest = path.removeprefix("$").removeprefix(".")
    steps: list[str | int] = []
    at = 0
    while at < len(rest):
        found = _STEP.match(rest, at)
        if found is None:
            raise ValueError(f"{path!r} is not a path such as $.data.value or rows[0].value")
        steps.append(found[1] if found[2] is None else int(found[2]))
        at = found.end()
    if not steps:
        raise ValueError(f"{path!r} names nothing in the document")
    return tuple(steps)


def written_path(steps: tuple[str | int, ...]) -> str:
    """The path as it is written."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


Path = Annotated[tuple[str | int, ...], BeforeValidator(parse_path), PlainSerializer(written_path)]


def decode_json(payload: bytes) -> object:
    """The document. NaN and Infinity are understood too, as many senders write them.

    Raises:
        SourceError: it isn't JSON, or longer than any sensor's message.
    """
    check_length(payload)
    try:
        return msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        try:
            return json.loads(payload)
        except (ValueError, RecursionError):
            raise SourceError("neither a number nor JSON") from None


def find(document: object, path: Sequence[str | int]) -> object:
    """What is at the path; None when nothing is."""
    for step in path:
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def as_number(value: object, what: str) -> float:
    """A JSON value as a number: null is NaN, so is infinity.

    Raises:
        SourceError: it is something else; `what` says where.
    """
    if type(value) is float:
        return finite(value)
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SourceError(f"{what} is {str(value)[:40]!r}, not a number")
    try:
        return finite(float(value))
    except OverflowError:
        return math.nan
