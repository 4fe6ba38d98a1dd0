"""Batches as a box makes them: windows of a few channels, diagnoses, an alert, a gap and a step of the clock."""

from datetime import UTC, datetime, timedelta

import numpy as np

from cloud_sync.wire import (
    WIRE_MINOR,
    AlertRecord,
    Batch,
    ChannelRecord,
    ClockStepRecord,
    DiagnosisRecord,
    GapRecord,
    WindowRecord,
)
from edge_runtime.alert import Alert, AlertState
from edge_runtime.diagnosis import ComponentDiagnosis, Diagnosis, ModelIdentity, SeverityClass
from edge_runtime.vocabulary import ComponentType, Ne107State

MINUTE_US = 60_000_000
START_US = 1_700_000_040_000_000 // MINUTE_US * MINUTE_US
SENSORS = ("PS1", "FS1", "TS1")
MODEL = ModelIdentity(name="zema-rig", version="1.0.0", release=1, sha256="0" * 64)


def make_batch(machine: str, number: int, *, boot: str = "boot-1", windows: int = 2) -> Batch:
    """Batch `number` of a box: the windows that follow those of the batches before it."""
    starts = [START_US + (number * windows + k) * MINUTE_US for k in range(windows)]
    return Batch(
        boot,
        number,
        windows=tuple(window(machine, start) for start in starts),
        diagnoses=tuple(diagnosis(machine, start) for start in starts),
        alerts=(alert(machine, f"alert-{number}", AlertState.RAISED, starts[0] + MINUTE_US),),
        gaps=(gap(machine, number, starts[0]),),
        clock_steps=(clock_step(machine, number, starts[0]),),
        schema_minor=WIRE_MINOR,
    )


def window(machine: str, start_us: int) -> WindowRecord:
    """A minute of three channels at 1 Hz; the first sample of each is a gap."""
    values = np.arange(60, dtype="<f4") + start_us % 1000
    values[0] = np.nan
    channels = tuple(ChannelRecord(sensor, 1_000_000, values.tobytes()) for sensor in SENSORS)
    return WindowRecord(machine, start_us, start_us + MINUTE_US, channels)


def diagnosis(machine: str, start_us: int) -> DiagnosisRecord:
    """A pump that isn't well, and a valve that nothing is said of."""
    start = time_of(start_us)
    document = Diagnosis(
        machine=machine,
        window_start=start,
        window_end=start + timedelta(minutes=1),
        overall_health=0.75,
        components=(
            ComponentDiagnosis(
                component="pump",
                type=ComponentType.PISTON_PUMP,
                health=0.6,
                level="1",
                severity=SeverityClass.MODERATE,
                confidence=0.9,
                ne107=Ne107State.MAINTENANCE_REQUIRED,
            ),
            ComponentDiagnosis(
                component="valve",
                type=ComponentType.DIRECTIONAL_VALVE,
                ne107=Ne107State.CHECK_FUNCTION,
                abstained=True,
                reason="sensor silent",
            ),
        ),
        completeness=1.0,
        model=MODEL,
        inference_ms=2.5,
    )
    return DiagnosisRecord(machine, start_us, document.model_dump_json().encode())


def alert(machine: str, identity: str, state: AlertState, time_us: int) -> AlertRecord:
    """An alert about the pump."""
    document = Alert(
        id=identity,
        machine=machine,
        component="pump",
        kind="leakage",
        state=state,
        severity=Ne107State.MAINTENANCE_REQUIRED,
        message="pump: internal leakage",
        raised_at=time_of(time_us),
        cleared_at=time_of(time_us) if state is AlertState.CLEARED else None,
        model=MODEL,
    )
    return AlertRecord(machine, identity, state, time_us, document.model_dump_json().encode())


def gap(machine: str, number: int, began_us: int) -> GapRecord:
    """Half a minute in which the PLC was away."""
    sensors, ended_us = SENSORS[:2], began_us + MINUTE_US // 2
    return GapRecord(
        machine, "boot-1", number, "source down", "plc", sensors, began_us, ended_us, detail="no connection"
    )


def clock_step(machine: str, number: int, after_us: int) -> ClockStepRecord:
    """The clock became known, an hour late."""
    before_us = after_us - 60 * MINUTE_US
    return ClockStepRecord(machine, "boot-1", number, 1000, after_us, before_us, after_us, "suspect", "synced")


def time_of(time_us: int) -> datetime:
    """Microseconds since 1970 as a time."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
