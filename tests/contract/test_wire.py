"""The wire between versions: batches as every minor of the schema sent them, and as later ones may.

`wire/1.N.batch` was encoded by the program of that minor and is never made anew. A change to what a batch holds needs a
new minor: its row in FIELDS, and its file.
"""

from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync import wire
from cloud_sync.batch_codec import decode_batch, decompress_batch, parse_batch
from cloud_sync.cloud.store.rows import rows_of
from cloud_sync.unknown_fields import MAX_FIELDS, UnknownFields, unknown_fields
from cloud_sync.wire import WIRE_MINOR, Batch
from edge_runtime.errors import RefusedError, WireError

FOLDER = Path(__file__).parent / "wire"
FIELDS: dict[int, dict[str, set[str]]] = {
    0: {
        "Batch": {"boot", "number", "windows", "diagnoses", "alerts", "schema_version"},
        "WindowRecord": {"machine", "start_us", "end_us", "channels"},
        "ChannelRecord": {"sensor", "step_us", "values"},
        "DiagnosisRecord": {"machine", "start_us", "document"},
        "AlertRecord": {"machine", "id", "state", "time_us", "document"},
    },
    1: {"WindowRecord": {"readings"}, "ReadingRange": {"boot", "first", "last"}},
    2: {"ChannelRecord": {"doubt"}},
    3: {"Batch": {"backlog"}},
    4: {"ChannelRecord": {"thinned"}},
    5: {
        "Batch": {"gaps", "clock_steps"},
        "GapRecord": {
            *("machine", "boot", "number", "cause", "source", "sensors", "began_us", "ended_us", "lost", "detail")
        },
        "ClockStepRecord": {
            *("machine", "boot", "number", "counter", "wall_us", "before_us", "after_us"),
            *("state_before", "state_after"),
        },
    },
    6: {"Batch": {"schema_minor"}},
}
"""What each minor added."""
MINORS = sorted(FIELDS)
LISTS = ("windows", "diagnoses", "alerts", "gaps", "clock_steps")


def golden(minor: int) -> bytes:
    return (FOLDER / f"1.{minor}.batch").read_bytes()


def test_a_batch_holds_what_its_minor_says() -> None:
    """Fails when a field is added, renamed or taken away without a new minor."""
    fields = list(accumulate(FIELDS.values(), _with))[-1]

    assert max(FIELDS) == WIRE_MINOR
    assert {name: set(getattr(wire, name).__struct_fields__) for name in fields} == fields


def _with(known: dict[str, set[str]], added: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: known.get(name, set()) | added.get(name, set()) for name in known | added}


@pytest.mark.parametrize("minor", MINORS)
def test_a_batch_of_every_minor_is_understood(minor: int) -> None:
    batch = decode_batch(golden(minor))
    (window,) = batch.windows

    assert (batch.boot, batch.number, batch.schema_version) == ("boot-2", 7, 1)
    assert batch.schema_minor == (minor if minor >= 6 else 0)
    assert batch.backlog is (minor >= 3)
    assert (window.machine, window.end_us - window.start_us) == ("rig", 60_000_000)
    assert [(item.boot, item.first, item.last) for item in window.readings] == (
        [("boot-1", 10, 17), ("boot-2", 0, 3)] if minor >= 1 else []
    )
    assert [(channel.sensor, channel.step_us) for channel in window.channels] == [
        ("PS1", 15_000_000),
        ("TS1", 15_000_000),
    ]
    for channel in window.channels:
        assert np.array_equal(np.frombuffer(channel.values, "<f4"), [np.nan, 1.5, -2.0, 3.25], equal_nan=True)
        assert (channel.doubt, channel.thinned) == (3 if minor >= 2 else 0, 0.5 if minor >= 4 else 0.0)
    assert [(gap.number, gap.cause, gap.lost) for gap in batch.gaps] == ([(4, "source down", 5)] if minor >= 5 else [])
    assert [step.state_after for step in batch.clock_steps] == (["synced"] if minor >= 5 else [])


@pytest.mark.parametrize("minor", MINORS)
def test_a_batch_of_every_minor_becomes_rows(minor: int) -> None:
    rows = rows_of(decode_batch(golden(minor)), "rig")

    counted = [len(part) for part in (rows.windows, rows.diagnoses, rows.components, rows.alerts, rows.gaps)]
    assert counted == [2, 1, 1, 1, int(minor >= 5)]
    assert unknown_fields(decompress_batch(golden(minor))) == []


def later(minor: int) -> dict[str, Any]:
    """The newest golden batch with something new in each of its structures, and a record of a new kind."""
    said = msgspec.msgpack.decode(decompress_batch(golden(WIRE_MINOR)))
    for record in (said, *(item for name in LISTS for item in said[name]), *said["windows"][0]["channels"]):
        record["mood"] = {"at": minor, "raw": b"\x00\xff"}
    return {**said, "schema_minor": minor, "spectra": [{"machine": "rig", "bins": [1.5, None]}]}


@pytest.mark.parametrize("ahead", [1, 2])
def test_what_a_newer_box_says_more_is_found_and_the_rest_understood(ahead: int) -> None:
    minor = WIRE_MINOR + ahead
    raw = msgspec.msgpack.encode(later(minor))
    batch = parse_batch(raw)

    assert batch == msgspec.structs.replace(decode_batch(golden(WIRE_MINOR)), schema_minor=minor)
    start, mood = str(batch.windows[0].start_us), {"at": minor, "raw": b"\x00\xff"}
    assert [(item.record, item.key, item.names) for item in unknown_fields(raw)] == [
        ("batch", "boot-2 7", ("mood", "spectra")),
        ("windows", start, ("channels.mood", "mood")),
        ("diagnoses", start, ("mood",)),
        ("alerts", "alert-1 raised", ("mood",)),
        ("gaps", "boot-1 4", ("mood",)),
        ("clock_steps", "boot-2 5", ("mood",)),
    ]
    kept = {item.record: msgspec.msgpack.decode(item.fields) for item in unknown_fields(raw)}
    assert kept["batch"] == {"mood": mood, "spectra": [{"machine": "rig", "bins": [1.5, None]}]}
    assert kept["windows"] == {"mood": mood, "channels": {"PS1": {"mood": mood}, "TS1": {"mood": mood}}}
    assert all(kept[name] == {"mood": mood} for name in LISTS if name != "windows")


def test_a_field_whose_name_is_no_text_is_refused() -> None:
    raw = msgspec.msgpack.encode({"boot": "b", "number": 1, "mood": 2}).replace(b"mood", b"m\xe4od")

    parse_batch(raw)  # passes over names that it doesn't know

    with pytest.raises(WireError, match="isn't text"):
        unknown_fields(raw)


def test_words_that_are_new_in_a_diagnosis_are_kept() -> None:
    batch = decode_batch(golden(WIRE_MINOR))
    record = batch.diagnoses[0]
    document = msgspec.json.decode(record.document)
    document["components"][0].update(type="swash_plate", severity="catastrophic", wear={"µm": 3})
    later_record = msgspec.structs.replace(record, document=msgspec.json.encode(document))

    rows = rows_of(msgspec.structs.replace(batch, diagnoses=(later_record,)), "rig")

    assert rows.components[0].severity == "catastrophic"
    assert msgspec.json.decode(rows.diagnoses[0].document) == document


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_major_is_refused_whatever_else_it_holds(version: int) -> None:
    """Not as malformed: a box sets aside what is malformed, and keeps what a newer centre will take."""
    body = zstandard.compress(msgspec.msgpack.encode({"schema_version": version, "windows": 5, "boot": None}))

    with pytest.raises(RefusedError, match=f"schema {version}") as refused:
        decode_batch(body)

    assert refused.value.status == 409
    assert "upgrade" in refused.value.hint


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(min_size=1).filter(lambda name: name not in FIELDS[0]["DiagnosisRecord"]), values))
def test_every_value_survives(more: dict[str, Any]) -> None:
    record = {"machine": "rig", "start_us": 5, "document": b"{}", **more}
    raw = msgspec.msgpack.encode({"boot": "b", "number": 1, "diagnoses": [record]})

    found = unknown_fields(raw)

    expected = [UnknownFields("diagnoses", "5", tuple(sorted(more)), msgspec.msgpack.encode(more))] if more else []
    assert found == expected
    assert parse_batch(raw).diagnoses[0].start_us == 5


def test_a_record_of_too_many_fields_is_refused() -> None:
    many = {"boot": "b", "number": 1, **{f"f{k}": 0 for k in range(MAX_FIELDS)}}

    with pytest.raises(WireError, match="fields"):
        unknown_fields(msgspec.msgpack.encode(many))


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(WireError):
        parse_batch(b"\x83\xa4boot\xa1b\xa6number\x01\xa1x" + b"\x91" * 100_000)


def test_fields_of_a_batch_fit_the_short_header_that_boxes_write() -> None:
    assert len(Batch.__struct_fields__) <= 15
