"""What tests put into a store: readings, windows, diagnoses and alerts that are easy to recognise."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from edge_runtime.alert import Alert, AlertState
from edge_runtime.diagnosis import ComponentDiagnosis, Diagnosis, ModelIdentity
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading
from edge_runtime.vocabulary import ComponentType, Ne107State
from edge_runtime.window import ChannelWindow, Window

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MODEL = ModelIdentity(name="test", version="1.0.0", release=1, sha256="0" * 64)


def readings(second: int, sensors: Sequence[str] = ("PS1", "PS2", "TS1"), rate_hz: int = 10) -> list[Reading]:
    """One second of every sensor; the value tells sensor and time."""
    step_us = SECOND_US // rate_hz
    return [
        Reading(sensor, 1000.0 * number + time_us / SECOND_US, Quality.GOOD, time_us, time_us + 1500)
        for number, sensor in enumerate(sensors)
        for time_us in range(second * SECOND_US, (second + 1) * SECOND_US, step_us)
    ]


def window(minute: int, samples: int = 60) -> Window:
    """A minute with one silent sensor and one gap; incompressible, so that sizes are what they seem."""
    values = np.random.default_rng(minute).standard_normal(samples).astype(np.float32)
    values[samples // 2] = np.nan
    channels = (
        ChannelWindow("PS1", MINUTE_US // samples, values),
        ChannelWindow("PS2", MINUTE_US // samples, np.zeros(0, np.float32)),
    )
    return Window("press", minute * MINUTE_US, (minute + 1) * MINUTE_US, channels)


def diagnosis(minute: int, health: float | None = 0.8) -> Diagnosis:
    """Of a pump that has this health and a valve about which nothing is said."""
    start = EPOCH + timedelta(minutes=minute)
    return Diagnosis(
        machine="press",
        window_start=start,
        window_end=start + timedelta(minutes=1),
        overall_health=health,
        components=(
            ComponentDiagnosis(
                component="pump", type=ComponentType.PISTON_PUMP, health=health, ne107=Ne107State.NORMAL
            ),
            ComponentDiagnosis(
                component="valve", type=ComponentType.RELIEF_VALVE, ne107=Ne107State.NORMAL, abstained=True
            ),
        ),
        completeness=0.9,
        model=MODEL,
        inference_ms=1.5,
    )


def alert(name: str, minute: int, state: AlertState = AlertState.RAISED) -> Alert:
    """An alert about the pump, raised at this minute or cleared then."""
    time = EPOCH + timedelta(minutes=minute)
    return Alert(
        id=name,
        machine="press",
        component="pump",
        kind="leakage",
        state=state,
        severity=Ne107State.FAILURE,
        message="the pump leaks",
        raised_at=time if state is AlertState.RAISED else time - timedelta(minutes=1),
        cleared_at=time if state is AlertState.CLEARED else None,
        model=MODEL,
    )
