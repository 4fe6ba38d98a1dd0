"""numpy float32 vectors as PostgreSQL `real[]`, in the binary form that the server takes without parsing text.

An array on the wire is, big-endian: number of dimensions, whether it has nulls, the element's type, then per dimension
length and first index, then per element its length in bytes and its value
(PostgreSQL source, src/backend/utils/adt/arrayfuncs.c, array_recv).
"""

import struct

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.pq import Format

_FLOAT4_OID = 700
_FLOAT4_ARRAY_OID = 1021
_ELEMENT = np.dtype([("length", ">i4"), ("value", ">f4")])


class _Float32ArrayDumper(Dumper):
    format = Format.BINARY
    oid = _FLOAT4_ARRAY_OID

    def dump(self, obj: npt.NDArray[np.float32]) -> Buffer:
        if not len(obj):
            return struct.pack(">iiI", 0, 0, _FLOAT4_OID)
        elements = np.empty(len(obj), _ELEMENT)
        elements["length"] = 4
        elements["value"] = obj
        return struct.pack(">iiIii", 1, 0, _FLOAT4_OID, len(obj), 1) + elements.tobytes()


class _Float32ArrayLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> npt.NDArray[np.float32]:
        if struct.unpack_from(">i", data)[0] == 0:
            return np.empty(0, np.float32)
        return np.frombuffer(data, _ELEMENT, offset=20)["value"].astype(np.float32)


def register_float32_arrays(connection: psycopg.AsyncConnection | psycopg.Connection) -> None:
    """Send float32 vectors as `real[]`; read `real[]` as vectors in cursors opened with `binary=True`."""
    connection.adapters.register_dumper(np.ndarray, _Float32ArrayDumper)
    connection.adapters.register_loader(_FLOAT4_ARRAY_OID, _Float32ArrayLoader)
