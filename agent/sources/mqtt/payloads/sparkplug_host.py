"""Sparkplug B: metrics of edge nodes and their devices, announced by births, withdrawn by deaths.

Follows the Sparkplug 3.0 specification as a host does (chapter 5 for births, deaths and order, chapter 6 for payloads).
Messages of a node are numbered from 0 to 255, round and round. When one is missing, or a metric was never announced,
the node is asked for its births again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from agent.sources.mqtt.payloads.number import finite
from agent.sources.mqtt.payloads.samples import Publish, Samples, check_length
from agent.sources.mqtt.payloads.sparkplug_schema import DataType, Metric, Payload, decode, empty_payload
from edge_runtime.errors import SourceError
from edge_runtime.quality import Quality, Reason

NAMESPACE = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
BIRTH_SEQUENCE = "bdSeq"
QUALITY_GOOD, QUALITY_STALE = 192, 500
ASK_AGAIN_US = 60_000_000
_SIGN_BITS: dict[int, int] = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
_NO_READINGS = ("Node Control/", "Device Control/", "Properties/")
_LATEST_MS = 2**52


@dataclass(slots=True)
class _Announced:
    """What a node or device announced in its birth: names and types by alias, types by name."""

    by_alias: dict[int, tuple[str, int]] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)

    @classmethod
    def in_birth(cls, payload: Payload) -> "_Announced":
        announced = cls()
        for metric in payload.metrics:
            announced.types[metric.name] = metric.datatype
            if metric.HasField("alias"):
                announced.by_alias[metric.alias] = (metric.name, metric.datatype)
        return announced


@dataclass(slots=True)
class _Node:
    """An edge node: what it and its devices announced, and which number its next message has."""

    announced: dict[str, _Announced] = field(default_factory=dict)
    next_number: int | None = None
    birth_sequence: int | None = None
    asked_us: int | None = None


class SparkplugHost:
    """Turns the messages of any number of edge nodes into samples."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._nodes: dict[tuple[str, str], _Node] = {}

    def read(self, topic: str, payload: bytes, now_us: int) -> Sequence[Samples]:
        """The samples in a message.

        Raises:
            SourceError: topic or payload isn't Sparkplug's.
        """
        match topic.split("/"):
            case [namespace, group, kind, name] if namespace == NAMESPACE:
                device = ""
            case [namespace, group, kind, name, device] if namespace == NAMESPACE:
                pass
            case _:
                raise SourceError(f"topic is not {NAMESPACE}/GROUP/TYPE/NODE or …/NODE/DEVICE")
        if kind not in {"NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH"}:
            return ()
        check_length(payload)
        try:
            content = decode(payload)
        except DecodeError:
            raise SourceError("not Sparkplug B") from None
        node = self._nodes.setdefault((group, name), _Node())
        origin = f"{name}/{device}" if device else name
        if kind == "NDEATH":
            return self._node_death(node, name, content, now_us)
        if kind == "NBIRTH":
            node.announced.clear()
            node.next_number, node.asked_us = content.seq % 256, None
            node.birth_sequence = _birth_sequence(content)
        in_order = node.next_number == content.seq
        node.next_number = (content.seq + 1) % 256
        if kind == "DDEATH":
            known = node.announced.pop(device, _Announced())
            return _dead(origin, known, now_us, Reason.DEVICE_FAULT)
        if kind in {"NBIRTH", "DBIRTH"}:
            node.announced[device] = _Announced.in_birth(content)
        announced = node.announced.get(device)
        samples, all_known = _samples(origin, content, announced or _Announced())
        if announced is None or not in_order or not all_known:
            self._ask_for_birth(group, name, node, now_us)
        return samples

    def _node_death(self, node: _Node, name: str, content: Payload, now_us: int) -> Sequence[Samples]:
        """A will that the broker publishes late, after the node has come back, carries an older birth's number."""
        number = _birth_sequence(content)
        if number is not None and node.birth_sequence is not None and number != node.birth_sequence:
            return ()
        announced, node.announced, node.next_number = node.announced, {}, None
        return [
            dead
            for device, known in announced.items()
            for dead in _dead(f"{name}/{device}" if device else name, known, now_us, Reason.STALE)
        ]

    def _ask_for_birth(self, group: str, name: str, node: _Node, now_us: int) -> None:
        if node.asked_us is not None and 0 <= now_us - node.asked_us < ASK_AGAIN_US:
            return
        node.asked_us = now_us
        command = empty_payload()
        command.timestamp = max(now_us, 0) // 1000
        command.metrics.add(
            name=REBIRTH, timestamp=command.timestamp, datatype=int(DataType.BOOLEAN), boolean_value=True
        )
        self._publish(f"{NAMESPACE}/{group}/NCMD/{name}", command.SerializeToString())


def _birth_sequence(content: Payload) -> int | None:
    return next((metric.long_value for metric in content.metrics if metric.name == BIRTH_SEQUENCE), None)


def _dead(origin: str, announced: _Announced, now_us: int, reason: Reason) -> list[Samples]:
    """Every number that was announced has no value from now on."""
    return [
        Samples((math.nan,), (now_us,), f"{origin}/{name}", quality=Quality.BAD, reason=reason)
        for name, datatype in announced.types.items()
        if _is_reading(name, datatype)
    ]


def _samples(origin: str, content: Payload, announced: _Announced) -> tuple[list[Samples], bool]:
    """The readings among the metrics, and whether all metrics were named or announced."""
    samples, all_known = [], True
    for metric in content.metrics:
        name, datatype = metric.name, metric.datatype
        if not name:
            if metric.alias not in announced.by_alias:
                all_known = False
                continue
            name, announced_type = announced.by_alias[metric.alias]
        else:
            announced_type = announced.types.get(name, 0)
        datatype = datatype or announced_type
        value = _value(metric, datatype)
        if value is None or not _is_reading(name, datatype):
            continue
        quality, reason = _quality(metric)
        samples.append(Samples((value,), _times_us(metric, content), f"{origin}/{name}", "", quality, reason))
    return samples, all_known


def _is_reading(name: str, datatype: int) -> bool:
    return (
        DataType.INT8 <= datatype <= DataType.BOOLEAN and name != BIRTH_SEQUENCE and not name.startswith(_NO_READINGS)
    )


def _value(metric: Metric, datatype: int) -> float | None:
    """NaN when it is null; None when it isn't a number."""
    if metric.is_null:
        return math.nan
    for number in ("double_value", "float_value"):
        if metric.HasField(number):
            return finite(getattr(metric, number))
    if metric.HasField("boolean_value"):
        return float(metric.boolean_value)
    for integer in ("int_value", "long_value"):
        if metric.HasField(integer):
            return float(_signed(getattr(metric, integer), datatype))
    return None


def _signed(value: int, datatype: int) -> int:
    """Negative integers travel as two's complement in unsigned fields."""
    bits = _SIGN_BITS.get(datatype)
    if bits is None:
        return value
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _times_us(metric: Metric, content: Payload) -> tuple[int] | None:
    time_ms = metric.timestamp or content.timestamp
    if time_ms > _LATEST_MS:
        raise SourceError(f"timestamp {time_ms} is too late to be true")
    return (time_ms * 1000,) if time_ms else None


def _quality(metric: Metric) -> tuple[Quality, Reason]:
    """The property `Quality`: 192 good, 500 stale, 0 bad."""
    stated = dict(zip(metric.properties.keys, metric.properties.values, strict=False)).get("Quality")
    code = QUALITY_GOOD if stated is None else stated.int_value or stated.long_value
    if code == QUALITY_GOOD:
        return Quality.GOOD, Reason.NONE
    return Quality.BAD, Reason.STALE if code == QUALITY_STALE else Reason.DEVICE_FAULT
