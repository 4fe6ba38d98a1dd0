"""numpy vectors as PostgreSQL arrays, in the binary form that the server takes without parsing text.

float32 becomes `real[]`, int64 `bigint[]`, datetime64[us] `timestamptz[]`, whose epoch is 2000.

An array on the wire is, big-endian: number of dimensions, whether it has nulls, the element's type, then per dimension
length and first index, then per element its length in bytes and its value
(PostgreSQL source, src/backend/utils/adt/arrayfuncs.c, array_recv).
"""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.abc import DumperKey
from psycopg.adapt import Buffer, Dumper, Loader, PyFormat
from psycopg.pq import Format

_FLOAT4_ARRAY_OID = 1021
_FLOAT4 = np.dtype([("length", ">i4"), ("value", ">f4")])
_INT8 = np.dtype([("length", ">i4"), ("value", ">i8")])
_EPOCH = np.datetime64("2000-01-01", "us")

Vector = npt.NDArray[Any]


class _Float32ArrayDumper(Dumper):
    """Of float32; `upgrade` finds the one for another type."""

    format = Format.BINARY
    oid = _FLOAT4_ARRAY_OID
    element_oid = 700
    element = _FLOAT4

    def get_key(self, obj: Vector, _format: PyFormat) -> DumperKey:
        return (self.cls, obj.dtype.type)

    def upgrade(self, obj: Vector, _format: PyFormat) -> Dumper:
        return _DUMPERS[obj.dtype.type](self.cls)

    def dump(self, obj: Vector) -> Buffer:
        if not len(obj):
            return struct.pack(">iiI", 0, 0, self.element_oid)
        elements = np.empty(len(obj), self.element)
        elements["length"] = self.element["value"].itemsize
        elements["value"] = obj
        return struct.pack(">iiIii", 1, 0, self.element_oid, len(obj), 1) + elements.tobytes()


class _Int64ArrayDumper(_Float32ArrayDumper):
    oid = 1016
    element_oid = 20
    element = _INT8


class _TimeArrayDumper(_Float32ArrayDumper):
    oid = 1185
    element_oid = 1184
    element = _INT8

    def dump(self, obj: Vector) -> Buffer:
        return super().dump((obj - _EPOCH).astype(np.int64))


_DUMPERS: dict[type[np.generic], type[_Float32ArrayDumper]] = {
    np.float32: _Float32ArrayDumper,
    np.int64: _Int64ArrayDumper,
    np.datetime64: _TimeArrayDumper,
}


class _Float32ArrayLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> npt.NDArray[np.float32]:
        if struct.unpack_from(">i", data)[0] == 0:
            return np.empty(0, np.float32)
        return np.frombuffer(data, ">f4", offset=20)[1::2].astype(np.float32)  # lengths are every other


def register_arrays(connection: psycopg.AsyncConnection | psycopg.Connection) -> None:
    """Send vectors as arrays; read `real[]` as vectors in cursors opened with `binary=True`."""
    connection.adapters.register_dumper(np.ndarray, _Float32ArrayDumper)
    connection.adapters.register_loader(_FLOAT4_ARRAY_OID, _Float32ArrayLoader)
