"""What the centre is to have, in the form that crosses the WAN, and where it has its place in the store."""

from enum import StrEnum

import msgspec
import numpy as np

from agent.store.gaps import Gap
from agent.store.payload import unpack
from cloud_sync.wire import (
    AlertRecord,
    ChannelRecord,
    ClockStepRecord,
    DiagnosisRecord,
    GapRecord,
    ReadingRange,
    WindowRecord,
)
from edge_runtime.alert import Alert, AlertState
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import StoreDamagedError
from edge_runtime.quality import Reason
from edge_runtime.timeline import ClockStep
from edge_runtime.utc import microseconds
from edge_runtime.window import ChannelWindow, Window

Record = WindowRecord | DiagnosisRecord | GapRecord | ClockStepRecord | AlertRecord


class RecordClass(StrEnum):
    """What is stored, from what is shed first to what is shed last. Readings never leave the box."""

    READING = "reading"
    WINDOW = "window"
    DIAGNOSIS = "diagnosis"
    GAP = "gap"
    CLOCK_STEP = "clock step"
    ALERT = "alert"


_FORMS: dict[RecordClass, type[Record]] = {
    RecordClass.WINDOW: WindowRecord,
    RecordClass.DIAGNOSIS: DiagnosisRecord,
    RecordClass.GAP: GapRecord,
    RecordClass.CLOCK_STEP: ClockStepRecord,
    RecordClass.ALERT: AlertRecord,
}
RECORD_CLASSES = {form: record_class for record_class, form in _FORMS.items()}


def window_record(window: Window, readings: tuple[ReadingRange, ...] = ()) -> WindowRecord:
    """The form that crosses the WAN. `readings` are the numbers of those it was cut from."""
    channels = (
        ChannelRecord(
            channel.sensor,
            channel.step_us,
            channel.values.astype("<f4", copy=False).tobytes(),
            int(channel.doubt),
            channel.thinned,
        )
        for channel in window.channels
    )
    return WindowRecord(window.machine, window.start_us, window.end_us, tuple(channels), readings)


def window_of(record: WindowRecord) -> Window:
    """The window that became `record`."""
    channels = (
        ChannelWindow(
            channel.sensor,
            channel.step_us,
            np.frombuffer(channel.values, "<f4").astype(np.float32),
            Reason(channel.doubt),
            channel.thinned,
        )
        for channel in record.channels
    )
    return Window(record.machine, record.start_us, record.end_us, tuple(channels))


def diagnosis_record(diagnosis: Diagnosis, start_us: int) -> DiagnosisRecord:
    """The form that crosses the WAN."""
    return DiagnosisRecord(diagnosis.machine, start_us, diagnosis.model_dump_json().encode())


def alert_record(alert: Alert) -> AlertRecord:
    """The form that crosses the WAN; its time is that of its state."""
    time = alert.cleared_at if alert.state is AlertState.CLEARED and alert.cleared_at else alert.raised_at
    return AlertRecord(alert.machine, alert.id, alert.state.value, microseconds(time), alert.model_dump_json().encode())


def gap_record(machine: str, boot: str, gap: Gap, ended_us: int) -> GapRecord:
    """The form that crosses the WAN, of a gap that is over. `boot`: the run that noticed it."""
    return GapRecord(
        *(machine, boot, gap.number, gap.cause.value, gap.source, gap.sensors),
        *(gap.began_us, ended_us, gap.lost, gap.detail),
    )


def clock_step_record(machine: str, boot: str, number: int, counter: int, step: ClockStep) -> ClockStepRecord:
    """The form that crosses the WAN, of row `number` of the ledger of the clock."""
    return ClockStepRecord(
        *(machine, boot, number, counter, step.wall_us, step.before_us, step.after_us),
        *(step.state_before.value, step.state_after.value),
    )


def decode_record(record_class: str, payload: object) -> Record:
    """Give back what was packed.

    Raises:
        StoreDamagedError: the payload is damaged, or the class of record isn't one.
    """
    try:
        return msgspec.msgpack.decode(unpack(payload), type=_FORMS[RecordClass(record_class)])
    except (msgspec.DecodeError, ValueError, KeyError) as error:
        raise StoreDamagedError(f"damaged {record_class}: {error}") from error


def place(record: Record) -> tuple[int, str]:
    """Time and key of its row."""
    if isinstance(record, AlertRecord):
        return record.time_us, f"{record.id}/{record.state}"
    if isinstance(record, GapRecord):
        return record.ended_us, f"{record.boot}/{record.number}"
    if isinstance(record, ClockStepRecord):
        return record.after_us, f"{record.boot}/{record.number}"
    return record.start_us, str(record.start_us)
