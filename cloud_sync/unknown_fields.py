"""What a newer box says in a batch that this program has no field for: found, and kept as it came.

Values aren't looked into: they stay the msgpack that they are, until a later version of this program knows them.
"""

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

import msgspec
from msgspec import Raw

from cloud_sync.wire import AlertRecord, Batch, ChannelRecord, ClockStepRecord, DiagnosisRecord, GapRecord, WindowRecord
from edge_runtime.errors import WireError

MAX_FIELDS = 255
"""Of one record. Every field costs memory many times its size, so their number has a bound."""
BATCH = "batch"

Form = type[msgspec.Struct]
_IDENTITY: Mapping[Form, tuple[str, ...]] = {
    Batch: ("boot", "number"),
    WindowRecord: ("start_us",),
    ChannelRecord: ("sensor",),
    DiagnosisRecord: ("start_us",),
    AlertRecord: ("id", "state"),
    GapRecord: ("boot", "number"),
    ClockStepRecord: ("boot", "number"),
}
_MAP = msgspec.msgpack.Decoder(dict[str, Raw])
_ARRAY = msgspec.msgpack.Decoder(list[Raw])
_FIXMAP, _FIXMAP_LAST, _MAP16 = 0x80, 0x8F, 0xDE  # https://github.com/msgpack/msgpack/blob/master/spec.md


@dataclass(frozen=True, slots=True)
class UnknownFields:
    """What one record says beyond what is known.

    Attributes:
        record: the field of Batch that the record is in, or BATCH for the batch itself; a kind of record that isn't
            known is a field of the batch.
        key: what the record is about, among those of its kind and machine: its start, or its boot and number.
        names: of the fields, sorted; those of a window's channels as `channels.NAME`.
        fields: msgpack of a map from name to value; of channels, by sensor, under `channels`.
    """

    record: str
    key: str
    names: tuple[str, ...]
    fields: bytes


def unknown_fields(raw: bytes) -> list[UnknownFields]:
    """All of a batch, given as the msgpack that `cloud_sync.batch_codec.parse_batch` has accepted.

    Raises:
        WireError: a record has more than MAX_FIELDS.
    """
    if _says_no_more(raw):
        return []
    said = _fields(raw)
    found = [_found(BATCH, Batch, said)]
    for name, form in _lists(Batch):
        found += [_found(name, form, record, _lists(form)) for record in _records(said, name)]
    return [item for item in found if item.names]


def _says_no_more(raw: bytes) -> bool:
    """Whether there is nothing to look for: a tenth of the work of looking."""
    try:
        _exactly(Batch).decode(raw)
    except (msgspec.ValidationError, UnicodeDecodeError):
        return False
    return True


def _found(record: str, form: Form, said: Mapping[str, Raw], lists: Sequence[tuple[str, Form]] = ()) -> UnknownFields:
    """What one record has beyond its form, and the records in `lists` of it beyond theirs."""
    beyond: dict[str, object] = {**_beyond(said, form)}
    names = set(beyond)
    for name, part in lists:
        inner = {_key(item, part): more for item in _records(said, name) if (more := _beyond(item, part))}
        if inner:
            beyond[name] = inner
            names.update(f"{name}.{field}" for more in inner.values() for field in more)
    if not names:
        return UnknownFields(record, "", (), b"")
    return UnknownFields(record, _key(said, form), tuple(sorted(names)), msgspec.msgpack.encode(beyond))


def _beyond(said: Mapping[str, Raw], form: Form) -> dict[str, Raw]:
    known = _known(form)
    return {name: value for name, value in said.items() if name not in known} if said.keys() - known else {}


def _records(said: Mapping[str, Raw], name: str) -> Iterable[dict[str, Raw]]:
    if name not in said:
        return ()
    return [_fields(record) for record in _ARRAY.decode(said[name])]


def _fields(raw: bytes | Raw) -> dict[str, Raw]:
    head = memoryview(raw)
    if not _FIXMAP <= head[0] <= _FIXMAP_LAST and (head[0] != _MAP16 or int.from_bytes(head[1:3]) > MAX_FIELDS):
        raise WireError(f"a record has more than {MAX_FIELDS} fields", hint="Is the other end Hydrosight?")
    try:
        return _MAP.decode(raw)
    except UnicodeDecodeError as error:  # the typed decoder doesn't look at names that it doesn't know
        raise WireError(f"the name of a field isn't text: {error}", hint="Is the other end Hydrosight?") from error


def _key(said: Mapping[str, Raw], form: Form) -> str:
    return " ".join(str(msgspec.msgpack.decode(said[name])) for name in _IDENTITY[form])


@cache
def _known(form: Form) -> frozenset[str]:
    return frozenset(form.__struct_fields__)


@cache
def _exactly(form: Form) -> msgspec.msgpack.Decoder[msgspec.Struct]:
    return msgspec.msgpack.Decoder(_exact(form))


def _exact(form: Form) -> Form:
    """A form with the same fields that refuses any other."""
    lists: dict[str, Any] = {name: types.GenericAlias(list, (_exact(part),)) for name, part in _lists(form)}
    fields = [(field.name, lists.get(field.name, field.type), None) for field in msgspec.structs.fields(form)]
    return msgspec.defstruct(form.__name__, fields, forbid_unknown_fields=True, gc=False)


@cache
def _lists(form: Form) -> tuple[tuple[str, Form], ...]:
    """Fields that hold records, with the records' form."""
    parts = ((field.name, get_args(field.type)) for field in msgspec.structs.fields(form))
    return tuple((name, form[0]) for name, form in parts if form and form[0] in _IDENTITY)
