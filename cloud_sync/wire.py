"""What crosses the WAN: batches (`cloud_sync.batch_codec` makes bytes of them), enrolment, ledgers.

A batch is named by (boot, number) of the box that sealed it, and never changes once sealed: sent again it is the same
bytes' worth of records, so the centre can acknowledge what it already has without looking inside.

Its schema has a major and a minor number (docs/adr/0074). A minor adds fields and kinds of records to a batch, takes
none away and never changes what one means, so that either end may be ahead of the other: what a centre doesn't know it
keeps as it came (`cloud_sync.unknown_fields`). What can't be added that way has a new major number, which a centre
refuses before it looks further; the box keeps its batches until the centre is upgraded.

    1.0  windows, diagnoses, alerts
    1.1  windows name their readings
    1.2  channels say why most of their doubtful readings are doubtful (doubt)
    1.3  a batch of what an outage left behind says so (backlog)
    1.4  channels say how much of them is thinned (thinned)
    1.5  gaps, steps of the clock
    1.6  a batch says its minor number; from any before that it reads as 0
"""

from typing import Annotated, TypeVar

import msgspec

from edge_runtime.errors import WireError

WIRE_SCHEMA = 1
WIRE_MINOR = 6


class ChannelRecord(msgspec.Struct, frozen=True, gc=False):
    """One channel of a window: little-endian float32 `values`, NaN where a gap is.

    `doubt` is the number of the reason (edge_runtime.quality) for which most readings that weren't good weren't;
    `thinned` the share of the values that are means over a second of readings that were thinned out.
    """

    sensor: str
    step_us: int
    values: bytes
    doubt: int = 0
    thinned: float = 0.0


class ReadingRange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Readings with the numbers first … last, both inclusive, of one boot of the box. An array: no minor adds to it."""

    boot: str
    first: int
    last: int


class WindowRecord(msgspec.Struct, frozen=True):
    """One window. Unique by (machine, start_us). `readings`: those it was cut from; none from boxes before 0.2."""

    machine: str
    start_us: int
    end_us: int
    channels: tuple[ChannelRecord, ...]
    readings: tuple[ReadingRange, ...] = ()


Document = Annotated[bytes, msgspec.Meta(max_length=2**20)]
"""A JSON document, of some kilobytes if it is meant well: parsed it takes many times its size."""


class DiagnosisRecord(msgspec.Struct, frozen=True):
    """One diagnosis: `document` is the JSON of `edge_runtime.diagnosis.Diagnosis`. Unique by (machine, start_us)."""

    machine: str
    start_us: int
    document: Document


class AlertRecord(msgspec.Struct, frozen=True):
    """One alert raised or cleared: `document` is the JSON that went out over MQTT. Unique by (machine, id, state)."""

    machine: str
    id: str
    state: str
    time_us: int
    document: Document


class GapRecord(msgspec.Struct, frozen=True):
    """A time, over now, in which readings weren't taken or couldn't be kept. Unique by (machine, boot, number).

    `boot` is the run of the box's agent that noticed it; `sensors` are none where it isn't about single ones; `lost` is
    how many readings or polls are known to be missing, 0 where nobody can count them. Times are by the box's clock.
    """

    machine: str
    boot: str
    number: int
    cause: str
    source: str
    sensors: tuple[str, ...]
    began_us: int
    ended_us: int
    lost: int = 0
    detail: str = ""


class ClockStepRecord(msgspec.Struct, frozen=True):
    """A start of the box's agent (a step by nothing), a step of its clock, or a change in how far it was trusted.

    Unique by (machine, boot, number). Readings of `boot` with numbers from `counter` on were stamped after it.
    """

    machine: str
    boot: str
    number: int
    counter: int
    wall_us: int
    before_us: int
    after_us: int
    state_before: str
    state_after: str


class Batch(msgspec.Struct, frozen=True):
    """What one request carries. `boot` names the boot of the box that sealed the batch, `number` counts within it.

    `backlog`: it holds what was left behind by an outage; newer windows were sent before it. `schema_minor` is the
    sealing box's WIRE_MINOR.
    """

    boot: str
    number: int
    windows: tuple[WindowRecord, ...] = ()
    diagnoses: tuple[DiagnosisRecord, ...] = ()
    alerts: tuple[AlertRecord, ...] = ()
    gaps: tuple[GapRecord, ...] = ()
    clock_steps: tuple[ClockStepRecord, ...] = ()
    backlog: bool = False
    schema_version: int = WIRE_SCHEMA
    schema_minor: int = 0


class Acknowledgement(msgspec.Struct, frozen=True, omit_defaults=True):
    """The centre has committed this batch; `duplicate` when it had done so before.

    `rotate`: the credential that the box showed is to be replaced, before it expires.
    """

    boot: str
    number: int
    duplicate: bool
    rotate: bool = False


class EnrolmentRequest(msgspec.Struct, frozen=True):
    """A one-time token, for a credential of the box's own. `machine_file` is the machine file as YAML text."""

    token: str
    machine: str
    agent_version: str
    machine_file: str = ""


class Enrolment(msgspec.Struct, frozen=True, omit_defaults=True):
    """The box's own identity. `credential` is shown this once and stored hashed at the centre.

    `expires_us`: when the credential is no longer accepted, by the centre's clock; None for never.
    """

    agent: str
    credential: str
    machine: str
    expires_us: int | None = None


Numbers = tuple[tuple[int, int], ...]
"""Ranges of readings' numbers, first and last, both inclusive, ascending and apart."""


class BootLedger(msgspec.Struct, frozen=True):
    """What the centre holds of the readings of one boot.

    Attributes:
        boot: its name.
        windows: how many windows they are in.
        received: numbers in windows that are there whole.
        expired: numbers in windows from before the oldest that is there: received, and given up since.
        twice: numbers in more than one window.
    """

    boot: str
    windows: int
    received: Numbers
    expired: Numbers = ()
    twice: Numbers = ()


class IncompleteWindow(msgspec.Struct, frozen=True):
    """A window that was taken and of which rows are missing; `sensors` names the channels that are there."""

    start_us: int
    sensors: tuple[str, ...]


class RepeatedReadings(msgspec.Struct, frozen=True):
    """Numbers in this window that are in another one as well."""

    boot: str
    start_us: int
    numbers: Numbers


class Ledger(msgspec.Struct, frozen=True):
    """What the centre holds of one machine's readings. Lists of windows are the latest LEDGER_WINDOWS at most.

    Attributes:
        machine: its name.
        boots: one entry for each boot of its boxes.
        incomplete: windows that aren't whole any more.
        repeated: windows with readings that another one has too.
        unaccounted_us: starts of windows that came without the numbers of their readings, from an older box or through
            an older centre.
    """

    machine: str
    boots: tuple[BootLedger, ...]
    incomplete: tuple[IncompleteWindow, ...] = ()
    repeated: tuple[RepeatedReadings, ...] = ()
    unaccounted_us: tuple[int, ...] = ()


LEDGER_WINDOWS = 10_000


Message = TypeVar("Message", bound=msgspec.Struct)


def decode_msgpack(raw: bytes, message: type[Message]) -> Message:
    """Parse one message.

    Raises:
        WireError: not msgpack, or not of that form.
    """
    try:
        return msgspec.msgpack.decode(raw, type=message)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"no {message.__name__}: {error}", hint="Is the other end Hydrosight?") from error


def decode_json(raw: bytes, message: type[Message]) -> Message:
    """Parse one JSON message.

    Raises:
        WireError: not JSON, or not of that form.
    """
    try:
        return msgspec.json.decode(raw, type=message)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"no {message.__name__}: {error}", hint="Is the other end Hydrosight?") from error
