"""From a batch to the rows of the database: what is checked, and how a record becomes columns. Pure.

Rows come sorted by key, so that two transactions with the same rows take their locks in the same order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cloud_sync.cloud.store.checks import MAX_INT64, is_boot, time_of, unfit
from cloud_sync.cloud.store.documents import AlertDocument, DiagnosisDocument, read_document
from cloud_sync.cloud.store.gap_rows import ClockStepRow, GapRow, clock_step_row, gap_row
from cloud_sync.unknown_fields import UnknownFields
from cloud_sync.wire import AlertRecord, Batch, ChannelRecord, DiagnosisRecord, WindowRecord
from edge_runtime.errors import RefusedError
from edge_runtime.number_ranges import NumberRanges


class WindowRow(NamedTuple):
    """One channel of one window."""

    machine: str
    start_time: datetime
    sensor: str
    end_time: datetime
    step_us: int
    samples: npt.NDArray[np.float32]


class ReadingsRow(NamedTuple):
    """Numbers of the readings that one window was cut from: for each of `boots` the ranges in `numbers`, inclusive."""

    machine: str
    start_time: datetime
    channels: int
    boots: list[str]
    numbers: list[NumberRanges]


class DiagnosisRow(NamedTuple):
    """One diagnosis."""

    machine: str
    start_time: datetime
    end_time: datetime
    overall_health: float | None
    completeness: float
    model_name: str
    model_version: str
    model_sha256: str
    document: str


class ComponentRow(NamedTuple):
    """What one diagnosis says of one component."""

    machine: str
    start_time: datetime
    component: str
    health: float | None
    level: str | None
    severity: str | None
    ne107: str
    confidence: float | None
    abstained: bool


class AlertRow(NamedTuple):
    """One alert raised or cleared. `misdated`: its time can't be right."""

    machine: str
    id: str
    state: str
    time: datetime
    component: str
    kind: str
    severity: str
    message: str
    document: str
    misdated: bool = False


class UnknownRow(NamedTuple):
    """What one record says beyond what is known."""

    machine: str
    record: str
    key: str
    schema_minor: int
    names: list[str]
    fields: bytes


_first_three = itemgetter(0, 1, 2)


@dataclass(frozen=True, slots=True)
class BatchRows:
    """All rows of one batch."""

    windows: list[WindowRow]
    readings: list[ReadingsRow]
    diagnoses: list[DiagnosisRow]
    components: list[ComponentRow]
    alerts: list[AlertRow]
    gaps: list[GapRow]
    clock_steps: list[ClockStepRow]
    unknown: list[UnknownRow]

    @property
    def samples(self) -> int:
        """How many samples its windows hold, gaps included."""
        return sum(len(row.samples) for row in self.windows)


def rows_of(batch: Batch, machine: str, unknown: Sequence[UnknownFields] = ()) -> BatchRows:
    """Check a batch that `machine`'s box has sent, and turn it into rows. `unknown` is what it says beyond its form.

    Raises:
        RefusedError: something in it is about another machine (403), or isn't what it should be (422).
    """
    if not is_boot(batch.boot) or not 0 <= batch.number <= MAX_INT64:
        raise unfit("batch", f"is named ({batch.boot[:20]!r}, {batch.number}); a boot id and a number are needed")
    if not 0 <= batch.schema_minor <= MAX_INT64:
        raise unfit("batch", f"schema_minor is {batch.schema_minor}, a number from 0 on is needed")
    parts = (batch.windows, batch.diagnoses, batch.alerts, batch.gaps, batch.clock_steps)
    for about in (record.machine for records in parts for record in records):
        if about != machine:
            raise RefusedError(
                f"the batch is about machine {about[:64]!r}, this credential is for {machine!r}",
                status=403,
                hint=f"Enrol the box for its machine: hydrosight-cloud enroll {about[:64]}",
            )
    diagnoses = [_diagnosis(i, record) for i, record in enumerate(batch.diagnoses)]
    return BatchRows(
        windows=sorted((row for i, record in enumerate(batch.windows) for row in _window(i, record)), key=_first_three),
        readings=sorted(
            (readings_row(i, record) for i, record in enumerate(batch.windows) if record.readings), key=_first_three
        ),
        diagnoses=sorted((row for row, _ in diagnoses), key=_first_three),
        components=sorted((row for _, components in diagnoses for row in components), key=_first_three),
        alerts=sorted((_alert(i, record) for i, record in enumerate(batch.alerts)), key=_first_three),
        gaps=sorted((gap_row(i, record) for i, record in enumerate(batch.gaps)), key=_first_three),
        clock_steps=sorted((clock_step_row(i, record) for i, record in enumerate(batch.clock_steps)), key=_first_three),
        unknown=sorted(
            UnknownRow(machine, item.record, item.key, batch.schema_minor, list(item.names), item.fields)
            for item in unknown
        ),
    )


def _window(index: int, record: WindowRecord) -> list[WindowRow]:
    where = f"windows.{index}"
    start = time_of(record.start_us, f"{where}.start_us")
    end = time_of(record.end_us, f"{where}.end_us")
    if start >= end:
        raise unfit(where, f"ends at {end.isoformat()}, not after its start {start.isoformat()}")
    return [
        WindowRow(record.machine, start, channel.sensor, end, channel.step_us, np.frombuffer(channel.values, "<f4"))
        for i, channel in enumerate(record.channels)
        if _is_channel(channel, where, i)
    ]


def readings_row(index: int, record: WindowRecord) -> ReadingsRow:
    """The readings of a batch's window number `index`.

    Raises:
        RefusedError: they aren't what they should be (422).
    """
    where = f"windows.{index}.readings"
    ranges: dict[str, list[tuple[int, int]]] = {}
    for item in record.readings:
        if not is_boot(item.boot) or not 0 <= item.first <= item.last < MAX_INT64:
            raise unfit(where, f"are ({item.boot[:20]!r}, {item.first}, {item.last}); a boot id and a range are needed")
        ranges.setdefault(item.boot, []).append((item.first, item.last))
    return ReadingsRow(
        record.machine,
        time_of(record.start_us, where),
        len({channel.sensor for channel in record.channels}),
        list(ranges),
        [NumberRanges.of(held) for held in ranges.values()],
    )


def _is_channel(channel: ChannelRecord, where: str, index: int) -> bool:
    """True, or it says why not; there are thousands in a batch, so words are made only then."""
    if not channel.sensor or len(channel.sensor) > 64 or "\0" in channel.sensor:
        what = f"sensor is {channel.sensor[:20]!r}, a name of 1 to 64 characters is needed"
    elif not 0 < channel.step_us <= MAX_INT64:
        what = f"step_us is {channel.step_us}, a positive number is needed"
    elif len(channel.values) % 4:
        what = f"values are {len(channel.values)} bytes, float32 need a multiple of 4"
    else:
        return True
    raise unfit(f"{where}.channels.{index}", what)


def _diagnosis(index: int, record: DiagnosisRecord) -> tuple[DiagnosisRow, list[ComponentRow]]:
    where = f"diagnoses.{index}"
    start = time_of(record.start_us, f"{where}.start_us")
    diagnosis, document = read_document(record.document, DiagnosisDocument, f"{where}.document")
    if diagnosis.window_start != start or diagnosis.machine != record.machine:
        raise unfit(
            where,
            f"its document is about {diagnosis.machine!r} at {diagnosis.window_start.isoformat()}, "
            f"the record about {record.machine!r} at {start.isoformat()}",
        )
    row = DiagnosisRow(
        record.machine,
        start,
        diagnosis.window_end,
        diagnosis.overall_health,
        diagnosis.completeness,
        diagnosis.model.name,
        diagnosis.model.version,
        diagnosis.model.sha256,
        document,
    )
    components = [
        ComponentRow(
            record.machine, start, c.component, c.health, c.level, c.severity, c.ne107, c.confidence, c.abstained
        )
        for c in diagnosis.components
    ]
    return row, components


def _alert(index: int, record: AlertRecord) -> AlertRow:
    where = f"alerts.{index}"
    time = time_of(record.time_us, f"{where}.time_us")
    alert, document = read_document(record.document, AlertDocument, f"{where}.document")
    if (alert.machine, alert.id, alert.state) != (record.machine, record.id, record.state):
        raise unfit(where, f"its document is about ({alert.machine!r}, {alert.id!r}, {alert.state})")
    return AlertRow(
        record.machine,
        alert.id,
        alert.state,
        time,
        alert.component,
        alert.kind,
        alert.severity,
        alert.message,
        document,
    )
