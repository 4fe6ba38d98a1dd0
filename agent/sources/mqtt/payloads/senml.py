"""Sensor Measurement Lists in JSON and CBOR (RFC 8428).

A pack is an array of records. Base values (section 4.1) hold for their record and those after it. A time below 2^28 s
is relative to now, one above is absolute (section 4.5.3). Only numbers and booleans are readings; strings, data and
sums are left out. CBOR labels are those of section 6, table 4.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

import cbor2

from agent.sources.mqtt.payloads.json_document import decode_json
from agent.sources.mqtt.payloads.number import finite
from agent.sources.mqtt.payloads.samples import PayloadSettings, Publish, Read, Samples, check_length
from edge_runtime.errors import SourceError

RELATIVE_BELOW_S = 2**28
NEWEST_VERSION = 10
_LATEST_S = 2**40
_UNITS = {"Cel": "°C", "/": "fraction", "1/min": "rpm", "m3/h": "m³/h"}
"""Names of units in SenML's registry that differ from ours."""

_CBOR_LABELS: Mapping[object, str] = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
Record = Mapping[object, object]


class SenmlPayload(PayloadSettings):
    """A SenML pack; its names are those of sensors."""

    format: Literal["senml+json", "senml+cbor"]

    @property
    def names_sensors(self) -> bool:
        """A pack may carry several sensors."""
        return True

    def reader(self, publish: Publish) -> Read:  # noqa: ARG002
        """Reads packs."""
        decode = decode_json if self.format == "senml+json" else _decode_cbor

        def read(_topic: str, payload: bytes, now_us: int) -> Sequence[Samples]:
            pack = decode(payload)
            if not isinstance(pack, list) or not all(isinstance(record, dict) for record in pack):
                raise SourceError("no SenML pack: an array of records")
            return _resolved(pack, now_us)

        return read


def _decode_cbor(payload: bytes) -> object:
    check_length(payload)
    try:
        pack = cbor2.loads(payload)
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, ArithmeticError, RecursionError, MemoryError):
        raise SourceError("not CBOR") from None
    if not isinstance(pack, list):
        return pack
    return [
        {_CBOR_LABELS.get(label, label): value for label, value in record.items()} if isinstance(record, dict) else None
        for record in pack
    ]


def _resolved(pack: Sequence[Record], now_us: int) -> list[Samples]:
    resolved: list[Samples] = []
    name, unit = "", ""
    base_us, base_value = 0, 0.0
    for record in pack:
        _check(record)
        name, unit = _text(record, "bn", name), _text(record, "bu", unit)
        if "bt" in record:
            base_us = _microseconds(record["bt"], "bt")
        if "bv" in record:
            base_value = _number(record["bv"], "bv")
        if isinstance(record.get("vb"), bool):
            value = float(record["vb"] is True)
        elif "v" in record or ("bv" in record and not record.keys() & {"vs", "vb", "vd", "s"} and "n" in record):
            value = finite(base_value + _number(record.get("v", 0), "v"))
        else:
            continue
        time_us = base_us + _microseconds(record.get("t", 0), "t")
        if time_us < RELATIVE_BELOW_S * 1_000_000:
            time_us += now_us
        if time_us < 0:
            raise SourceError("a time is before 1970")
        stated = _text(record, "u", unit)
        called = name + _text(record, "n", "")
        resolved.append(Samples((value,), (time_us,), called, _UNITS.get(stated, stated)))
    return resolved


def _check(record: Record) -> None:
    version = record.get("bver", NEWEST_VERSION)
    if not isinstance(version, int) or version > NEWEST_VERSION:
        raise SourceError(f"it is of version {version}, known are up to {NEWEST_VERSION}")
    for label in record:
        if isinstance(label, str) and label.endswith("_"):
            raise SourceError(f"it wants {label[:40]!r} to be understood, which isn't")


def _text(record: Record, label: str, default: str) -> str:
    text = record.get(label, default)
    if not isinstance(text, str):
        raise SourceError(f"{label} is not a text")
    return text


def _number(value: object, label: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise SourceError(f"{label} is not a number")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _microseconds(value: object, label: str) -> int:
    seconds = _number(value, label)
    if not abs(seconds) < _LATEST_S:
        raise SourceError(f"{label} is no time")
    return value * 1_000_000 if isinstance(value, int) else round(seconds * 1e6)
