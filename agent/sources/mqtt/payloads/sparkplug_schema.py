"""The part of Sparkplug B's protobuf payload that carries numbers.

Field numbers are those of the Sparkplug 3.0 specification, chapter 6. The messages are described here and made by the
protobuf runtime when this is imported, so that no generated code has to fit the runtime that a box has. Fields that
are left out (templates, data sets, files) are skipped when a payload is read.
"""

from enum import IntEnum
from typing import Protocol, cast

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

_PACKAGE = "hydrosight.sparkplug"
_F = FieldDescriptorProto
_FIELDS: dict[str, tuple[tuple[str, int, int], ...]] = {
    "PropertyValue": (
        ("is_null", 2, _F.TYPE_BOOL),
        ("int_value", 3, _F.TYPE_UINT32),
        ("long_value", 4, _F.TYPE_UINT64),
    ),
    "PropertySet": (("keys", 1, _F.TYPE_STRING), ("values", 2, _F.TYPE_MESSAGE)),
    "Metric": (
        ("name", 1, _F.TYPE_STRING),
        ("alias", 2, _F.TYPE_UINT64),
        ("timestamp", 3, _F.TYPE_UINT64),
        ("datatype", 4, _F.TYPE_UINT32),
        ("is_null", 7, _F.TYPE_BOOL),
        ("properties", 9, _F.TYPE_MESSAGE),
        ("int_value", 10, _F.TYPE_UINT32),
        ("long_value", 11, _F.TYPE_UINT64),
        ("float_value", 12, _F.TYPE_FLOAT),
        ("double_value", 13, _F.TYPE_DOUBLE),
        ("boolean_value", 14, _F.TYPE_BOOL),
    ),
    "Payload": (("timestamp", 1, _F.TYPE_UINT64), ("metrics", 2, _F.TYPE_MESSAGE), ("seq", 3, _F.TYPE_UINT64)),
}
_REPEATED = {"keys", "values", "metrics"}
_TYPES = {"properties": "PropertySet", "values": "PropertyValue", "metrics": "Metric"}


class DataType(IntEnum):
    """Types of metrics that are readings."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11


class PropertyValue(Protocol):
    """The value of a property."""

    int_value: int
    long_value: int


class PropertySet(Protocol):
    """Properties of a metric: as many keys as values."""

    keys: list[str]
    values: list[PropertyValue]


class Metric(Protocol):
    """A value, or its announcement in a birth."""

    name: str
    alias: int
    timestamp: int
    datatype: int
    is_null: bool
    properties: PropertySet
    int_value: int
    long_value: int
    float_value: float
    double_value: float
    boolean_value: bool

    def HasField(self, name: str) -> bool:  # noqa: N802
        """Whether the field was sent."""


class _Metrics(Protocol):
    def add(self, **fields: object) -> Metric: ...
    def __iter__(self) -> "_Metrics": ...
    def __next__(self) -> Metric: ...


class Payload(Protocol):
    """A message."""

    timestamp: int
    seq: int
    metrics: _Metrics

    def HasField(self, name: str) -> bool:  # noqa: N802
        """Whether the field was sent."""

    def SerializeToString(self) -> bytes:  # noqa: N802
        """As it is sent."""


def _message_class() -> type[Message]:
    file = FileDescriptorProto(name="hydrosight/sparkplug.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _FIELDS.items():
        message = DescriptorProto(name=name)
        for field, number, kind in fields:
            label = _F.LABEL_REPEATED if field in _REPEATED else _F.LABEL_OPTIONAL
            described = message.field.add(name=field, number=number, type=kind, label=label)
            if kind == _F.TYPE_MESSAGE:
                described.type_name = f".{_PACKAGE}.{_TYPES[field]}"
        file.message_type.append(message)
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


_PAYLOAD = _message_class()


def empty_payload() -> Payload:
    """A payload to fill in."""
    return cast("Payload", _PAYLOAD())


def decode(payload: bytes) -> Payload:
    """A payload as it was received.

    Raises:
        DecodeError: of protobuf: it isn't one.
    """
    return cast("Payload", _PAYLOAD.FromString(payload))
