"""Requests that are wrong in every way there is, made from a seed."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import cbor2
import msgspec
import zstandard

from cloud_sync.batch_codec import CONTENT_TYPE, encode_batch
from cloud_sync.wire import Batch

_JSON = "application/json"
_WRONG: tuple[object, ...] = (
    None,
    -1,
    2**63,
    2**64 - 1,
    1.5,
    "",
    "\0",
    "ü" * 300,
    True,
    [],
    [[]],
    {},
    {"a": {}},
    b"\xff\xfe",
)
_TYPES = (
    "",
    "text/plain",
    _JSON,
    "application/cbor",
    "multipart/form-data; boundary=x",
    "application/octet-stream",
    "ä",
)
_PATHS = (
    "/api/v1/ingest", "/api/v1/enrol", "/api/v1/credential/rotate", "/api/v1/machines/rig/labels",
    "/api/v1/machines/rig/ledger", "/api/v1/%00", "/api/v1/machines/%ff%fe/windows?limit=9e9", "/tuf/metadata/%2e%2e",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Malformed:
    """One request, and in a word what is wrong with it."""

    manner: str
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"


def malformed(dice: random.Random, batch: Batch) -> Malformed:
    """A request that is like that of `batch`, and isn't it."""
    return dice.choice(MANNERS)(dice, batch)


def _ingest(manner: str, body: bytes) -> Malformed:
    return Malformed(manner, "/api/v1/ingest", body, {"Content-Type": CONTENT_TYPE})


def _compressed(raw: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(raw)


def _truncated(dice: random.Random, batch: Batch) -> Malformed:
    body = encode_batch(batch)
    return _ingest("truncated", body[: dice.randrange(len(body))])


def _truncated_inside(dice: random.Random, batch: Batch) -> Malformed:
    raw = msgspec.msgpack.encode(batch)
    return _ingest("truncated inside", _compressed(raw[: dice.randrange(len(raw))]))


def _flipped(dice: random.Random, batch: Batch) -> Malformed:
    return _ingest("bits flipped", _flip(dice, encode_batch(batch)))


def _flipped_inside(dice: random.Random, batch: Batch) -> Malformed:
    return _ingest("bits flipped inside", _compressed(_flip(dice, msgspec.msgpack.encode(batch))))


def _flip(dice: random.Random, body: bytes) -> bytes:
    flipped = bytearray(body)
    for _ in range(dice.choice([1, 1, 3, 20])):
        flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
    return bytes(flipped)


def _wrong_types(dice: random.Random, batch: Batch) -> Malformed:
    """One value, somewhere, is another one."""
    said = msgspec.msgpack.decode(msgspec.msgpack.encode(batch))
    place = said
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = dice.choice(list(keys))
        if not isinstance(place[key], dict | list) or not place[key] or dice.random() < 0.2:
            break
        place = place[key]
    place[key] = dice.choice(_WRONG)
    return _ingest("wrong types", _compressed(msgspec.msgpack.encode(said)))


def _random_bytes(dice: random.Random, batch: Batch) -> Malformed:
    body = dice.randbytes(dice.choice([0, 1, 3, 100, 5000]))
    return _ingest("random bytes", dice.choice([body, b"\x28\xb5\x2f\xfd" + body, _compressed(body)]))


def _deep(dice: random.Random, batch: Batch) -> Malformed:
    depth = dice.choice([50, 2000, 100_000])
    opening = dice.choice([b"\x91", b"\x81\xa1x", b"\x81\xa7windows\x91"])
    return _ingest("deep nesting", _compressed(b"\x83\xa4boot\xa1b\xa6number\x01\xa1x" + opening * depth + b"\xc0"))


def _deep_json(dice: random.Random, batch: Batch) -> Malformed:
    opening = dice.choice([b"[", b'{"a":', b'{"token":"x","machine":['])
    path = dice.choice(["/api/v1/enrol", "/api/v1/machines/rig/labels"])
    return Malformed("deep JSON", path, opening * dice.choice([50, 5000, 50_000]), {"Content-Type": _JSON})


def _huge_length(dice: random.Random, batch: Batch) -> Malformed:
    head = dice.choice([b"\xdd", b"\xdf", b"\xc6", b"\xdb", b"\xc9"]) + dice.choice(
        [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"]
    )
    name = dice.choice([b"\xa7windows", b"\xa1x", b"\xa4boot"])
    return _ingest("huge length", _compressed(b"\x81" + name + head + dice.randbytes(4)))


def _other_format(dice: random.Random, batch: Batch) -> Malformed:
    raw = cbor2.dumps({"boot": "b", "number": dice.choice(_WRONG), "windows": dice.choice(_WRONG)})
    return _ingest("CBOR", dice.choice([raw, _compressed(raw), _compressed(b"\x81" * 10_000 + b"\x00")]))


def _wrong_json(dice: random.Random, batch: Batch) -> Malformed:
    values = [value for value in _WRONG if not isinstance(value, bytes)]
    names = ("token", "machine", "agent_version", "machine_file", "condition", "level", "start", "end", "note")
    said = {name: dice.choice(values) for name in dice.sample(names, 5)}
    body = json.dumps(said).encode()
    body = dice.choice([body, _flip(dice, body), body[: dice.randrange(len(body))], dice.randbytes(30)])
    path = dice.choice(["/api/v1/enrol", "/api/v1/machines/rig/labels", "/api/v1/credential/rotate"])
    return Malformed("wrong JSON", path, body, {"Content-Type": _JSON})


def _wrong_content_type(dice: random.Random, batch: Batch) -> Malformed:
    body = dice.choice([encode_batch(batch), b"", b"--x\r\n\r\n--x--"])
    return Malformed("wrong content type", dice.choice(_PATHS), body, {"Content-Type": dice.choice(_TYPES)})


def _odd_request(dice: random.Random, batch: Batch) -> Malformed:
    headers = {
        "Content-Type": CONTENT_TYPE,
        "traceparent": dice.choice(["00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 500, "ff-é"]),
        "Accept": dice.choice(["", "*/*;q=nan", "x" * 1000]),
        "Content-Encoding": dice.choice(["gzip", "zstd", "nonsense"]),
    }
    method = dice.choice(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "POST", "BREW"])
    return Malformed("odd request", dice.choice(_PATHS), dice.randbytes(20), headers, method)


MANNERS: tuple[Callable[[random.Random, Batch], Malformed], ...] = (
    _truncated, _truncated_inside, _flipped, _flipped_inside, _wrong_types, _random_bytes, _deep, _deep_json,
    _huge_length, _other_format, _wrong_json, _wrong_content_type, _odd_request,
)  # fmt: skip
