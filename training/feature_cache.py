"""Graphs of windows on disk, so that the same windows aren't made into graphs again.

A file holds the graphs of a run of windows of one machine: an Arrow stream with a column an input, then the BLAKE2b
digest of it. Its name is a hash of all that the graphs follow from: the samples, the machine, and the code that
makes features of them. A file is written beside its name and renamed, and one that doesn't match its digest counts as
missing, so whatever ends a run leaves nothing wrong.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

import edge_runtime
from edge_runtime.errors import TrainingError
from edge_runtime.graph import GraphSample
from edge_runtime.machine import Machine
from edge_runtime.window import Window

DEFAULT_BYTES = 2 * 1024**3

_DIGEST_BYTES = 32
_SUFFIX = ".graphs"
_PARTIAL = ".partial"
_ABANDONED_S = 3600  # no run takes an hour to write a file
_HINT = "Free some space, let XDG_CACHE_HOME name another folder, or go without it: --no-cache."


class FeatureCache:
    """Files of graphs in one folder; those unused for longest go when they take more than `limit_bytes`."""

    def __init__(self, folder: Path, limit_bytes: int = DEFAULT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes

    def get(self, key: str) -> tuple[GraphSample, ...] | None:
        """The graphs of that key; None if they aren't there, or are damaged."""
        path = self._folder / f"{key}{_SUFFIX}"
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        return _unpacked(body) if _digest(body) == digest else None

    def put(self, key: str, samples: Sequence[GraphSample]) -> None:
        """Keep graphs of one machine's windows under a key.

        Raises:
            TrainingError: they can't be written.
        """
        body = _packed(samples)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=_PARTIAL, delete=False) as file:
                file.write(body)
                file.write(_digest(body))
            Path(file.name).replace(self._folder / f"{key}{_SUFFIX}")
            self._prune()
        except OSError as error:
            raise TrainingError(
                f"{self._folder}: the cache can't be written: {error.strerror or error}", hint=_HINT
            ) from error

    def _prune(self) -> None:
        files = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another process has renamed or pruned it
                files.append((path.stat(), path))
        files.sort(key=lambda item: -item[0].st_mtime)
        newest, held = max((status.st_mtime for status, _ in files), default=0.0), 0
        for status, path in files:
            held += status.st_size
            abandoned = path.suffix == _PARTIAL and newest - status.st_mtime > _ABANDONED_S
            if abandoned or (path.suffix == _SUFFIX and held > self._limit_bytes):
                path.unlink(missing_ok=True)


def default_folder(environment: Mapping[str, str]) -> Path:
    """Where the cache lies: `hydrosight/graphs` in XDG_CACHE_HOME, which is ~/.cache unless it is set."""
    home = environment.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "hydrosight" / "graphs"


def graphs_key(machine: Machine, windows: Sequence[Window]) -> str:
    """Name of the graphs of these windows: another for any other sample, machine or code."""
    digest = hashlib.blake2b(_code(), digest_size=_DIGEST_BYTES)
    digest.update(machine.model_dump_json().encode())
    for window in windows:
        digest.update(f"{window.start_us} {window.end_us}".encode())
        for channel in window.channels:
            shape = (channel.sensor, channel.step_us, len(channel.values), int(channel.doubt), channel.thinned)
            digest.update(repr(shape).encode())
            digest.update(np.ascontiguousarray(channel.values).data)
    return digest.hexdigest()


@cache
def _code() -> bytes:
    """Digest of all code from signal to graph, and of the library that does the sums."""
    digest = hashlib.blake2b(np.__version__.encode(), digest_size=_DIGEST_BYTES)
    for path in sorted(Path(edge_runtime.__path__[0]).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()


def _packed(samples: Sequence[GraphSample]) -> bytes:
    """A row a graph and a column an input: its bytes, with type and shape in the column's metadata."""
    fields, columns = [], []
    for name in GraphSample.INPUTS:
        stacked = np.stack([getattr(sample, name) for sample in samples])
        width = stacked[0].nbytes
        shape = ",".join(map(str, stacked.shape[1:]))
        fields.append(pa.field(name, pa.binary(width), metadata={"type": stacked.dtype.str, "shape": shape}))
        columns.append(pa.Array.from_buffers(pa.binary(width), len(samples), [None, pa.py_buffer(stacked)]))
    schema = pa.schema(fields)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _unpacked(body: bytes) -> tuple[GraphSample, ...]:
    table = pa.ipc.open_stream(body).read_all()
    arrays = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        shape = [int(size) for size in field.metadata[b"shape"].decode().split(",")]
        data = column.combine_chunks().buffers()[1]
        # Copied, because torch wants arrays that may be written to.
        arrays[field.name] = np.frombuffer(data, field.metadata[b"type"].decode()).reshape(-1, *shape).copy()
    return tuple(GraphSample(**{name: values[row] for name, values in arrays.items()}) for row in range(table.num_rows))
