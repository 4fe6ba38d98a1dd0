"""A JSON document with a value of one sensor, or of several, at paths that the settings name."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from agent.sources.mqtt.payloads.json_document import Path, as_number, decode_json, find, written_path
from agent.sources.mqtt.payloads.number import finite, number
from agent.sources.mqtt.payloads.samples import PayloadSettings, Publish, Read, Samples
from agent.sources.mqtt.payloads.times import TimeUnit, time_us
from edge_runtime.errors import SourceError
from edge_runtime.machine import Name
from edge_runtime.quality import Quality, Reason

_QUALITIES = {"good": Quality.GOOD, "uncertain": Quality.UNCERTAIN, "bad": Quality.BAD}
_BRACKETS = (b"{", b"[")
_OPC_GOOD, _OPC_UNCERTAIN = 192, 64


class JsonPayload(PayloadSettings):
    """`{"value": 12.5, "time": "2015-01-01T00:00:00Z"}`, or values at other paths; also a plain number."""

    format: Literal["json"]
    value: Annotated[Path, Field(description="Where the value is, such as $.data.value or rows[0].v.")] = ("value",)
    time: Annotated[Path, Field(description="Where its time is; without one there, the time of arrival.")] = ("time",)
    time_unit: Annotated[TimeUnit, Field(description="iso, or s, ms, us or ns since 1970.")] = TimeUnit.ISO
    quality: Annotated[
        Path | None, Field(description="Where the quality is: good, uncertain or bad, a boolean, or an OPC number.")
    ] = None
    unit: Annotated[Path | None, Field(description="Where the unit is.")] = None
    sensors: Annotated[
        Mapping[Name, Path] | None, Field(description="Where the value of each sensor is, if there are several.")
    ] = None

    @property
    def names_sensors(self) -> bool:
        """Whether a message may carry several sensors."""
        return self.sensors is not None

    def reader(self, publish: Publish) -> Read:  # noqa: ARG002
        """Reads such documents."""
        return self._read

    def _read(self, _topic: str, payload: bytes, _now_us: int) -> Sequence[Samples]:
        if payload[:1] not in _BRACKETS:
            try:
                return (Samples((number(payload),)),)
            except ValueError:
                pass  # it may be JSON behind a space
        document = decode_json(payload)
        if not isinstance(document, dict | list):
            return (Samples((as_number(document, "the document"),)),)
        time = find(document, self.time)
        times_us = None if time is None else (time_us(time, self.time_unit),)
        unit = "" if self.unit is None else str(find(document, self.unit) or "")
        quality, reason = self._judged(document)
        if self.sensors is None:
            value = _value(document, self.value)
            return (Samples((value,), times_us, "", unit, quality, reason),)
        present = ((name, path) for name, path in self.sensors.items() if _has(document, path))
        return [Samples((_value(document, path),), times_us, name, unit, quality, reason) for name, path in present]

    def _judged(self, document: object) -> tuple[Quality, Reason]:
        stated = None if self.quality is None else find(document, self.quality)
        if stated is None:
            return Quality.GOOD, Reason.NONE
        quality = _quality(stated)
        return quality, Reason.NONE if quality is Quality.GOOD else Reason.DEVICE_FAULT


def _value(document: object, path: Path) -> float:
    value = find(document, path)
    if type(value) is float:
        return finite(value)
    if value is None and not _has(document, path):
        raise SourceError(f"no value at {written_path(path)}")
    return as_number(value, written_path(path))


def _has(document: object, path: Path) -> bool:
    """Whether the path leads somewhere, if only to null."""
    holder = find(document, path[:-1])
    last = path[-1]
    return last in holder if isinstance(holder, dict) else find(holder, (last,)) is not None


def _quality(stated: object) -> Quality:
    if isinstance(stated, bool):
        return Quality.GOOD if stated else Quality.BAD
    if isinstance(stated, int | float):
        if stated >= _OPC_GOOD:
            return Quality.GOOD
        return Quality.UNCERTAIN if stated >= _OPC_UNCERTAIN else Quality.BAD
    quality = _QUALITIES.get(str(stated).lower())
    if quality is None:
        raise SourceError(
            f"quality {str(stated)[:40]!r} is none of good, uncertain and bad, a boolean or an OPC number"
        )
    return quality
