"""What nobody sends on purpose: values at the ends of what types hold, and batches with one of them in it."""

from collections.abc import Iterator
from typing import Any

import msgspec
import zstandard
from hypothesis import strategies as st

from tests.servers.batches import make_batch

ODD_JSON: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 1e308, float("inf"), float("nan"), "", "\0",
    "a\0b", "\ud800", "\U0010ffff", "x" * 300, "../..", "%00", "1e400", "-0", "Infinity", "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999Z",
    "2026-02-30T00:00:00Z", "2026-01-01T00:00:00", 253_402_300_800, 10**18, [], {}, [[]], [None], {"": ""},
)  # fmt: skip
"""For query, path and JSON bodies: text too long, with NUL or a lone surrogate; numbers and times out of any range."""
ODD_MSGPACK: tuple[Any, ...] = (
    None, True, -1, 2**31, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), float("nan"), float("inf"), 1e308, "", "\0", "a\0b",
    "\U0010ffff", "x" * 300, b"", b"\0\0\0", b"{}", b'{"machine": "\\u0000"}', [], {}, [[]], 253_402_300_800_000_000,
)  # fmt: skip
_BATCH = msgspec.msgpack.encode(make_batch("rig", 100, windows=1))


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to everything in a structure that something else can be put in place of."""
    if way:
        yield way
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from places(inner, (*way, step))


def put(value: Any, way: tuple[Any, ...], odd: Any) -> None:
    """Put `odd` there."""
    *steps, last = way
    for step in steps:
        value = value[step]
    value[last] = odd


@st.composite
def odd_batches(draw: st.DrawFn) -> bytes:
    """A batch of which one value, anywhere in it, is another; as msgpack."""
    batch = msgspec.msgpack.decode(_BATCH) | {"number": draw(st.integers(1000, 10**6))}
    put(batch, draw(st.sampled_from(list(places(batch)))), draw(st.sampled_from(ODD_MSGPACK)))
    return msgspec.msgpack.encode(batch)


def odd_bodies() -> st.SearchStrategy[bytes]:
    """Bodies for the ingest: near to right ones, cut short, not compressed, or anything."""
    frames = odd_batches().map(zstandard.ZstdCompressor().compress)
    cut = st.tuples(frames, st.integers(1, 200)).map(lambda body: body[0][: -body[1]])
    return frames | cut | odd_batches() | st.binary(max_size=64)
