"""Which sensors can't be believed in a window: silent, mostly missing, or stuck. Their values become gaps."""

from enum import StrEnum

import numpy as np
from pydantic import BaseModel, ConfigDict

from edge_runtime.machine import Machine, Sensor
from edge_runtime.window import ChannelWindow, Window

MIN_COMPLETENESS = 0.5
MIN_STUCK_SAMPLES = 10


class SensorFaultKind(StrEnum):
    """Why a sensor isn't believed."""

    SILENT = "silent"
    INCOMPLETE = "incomplete"
    STUCK = "stuck"


class SensorFault(BaseModel):
    """One sensor that isn't believed in a window."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sensor: str
    kind: SensorFaultKind
    message: str


def check_sensors(machine: Machine, window: Window) -> tuple[Window, tuple[SensorFault, ...]]:
    """Find faulty sensors and turn the values of stuck ones into gaps.

    A sensor is stuck when its values don't change by more than `Sensor.stuck_below` over a window that holds at least
    MIN_STUCK_SAMPLES of them. Sensors without `stuck_below` may rest. Incomplete channels keep what they have.
    """
    channels: list[ChannelWindow] = []
    faults: list[SensorFault] = []
    for channel in window.channels:
        fault = _fault(machine.sensor(channel.sensor), channel)
        if fault:
            faults.append(fault)
        stuck = fault is not None and fault.kind is SensorFaultKind.STUCK
        channels.append(_blanked(channel) if stuck else channel)
    return Window(window.machine, window.start_us, window.end_us, tuple(channels)), tuple(faults)


def _fault(sensor: Sensor, channel: ChannelWindow) -> SensorFault | None:
    share = channel.completeness
    if share == 0.0:
        return SensorFault(
            sensor=sensor.name, kind=SensorFaultKind.SILENT, message=f"{sensor.name}: no valid reading in the window"
        )
    if share < MIN_COMPLETENESS:
        return SensorFault(
            sensor=sensor.name,
            kind=SensorFaultKind.INCOMPLETE,
            message=f"{sensor.name}: only {share:.0%} of the window's readings are valid",
        )
    seen = channel.values[np.isfinite(channel.values)]
    if sensor.stuck_below is not None and len(seen) >= MIN_STUCK_SAMPLES and np.ptp(seen) <= sensor.stuck_below:
        return SensorFault(
            sensor=sensor.name,
            kind=SensorFaultKind.STUCK,
            message=f"{sensor.name}: stuck at {seen[-1]:g} {sensor.unit}",
        )
    return None


def _blanked(channel: ChannelWindow) -> ChannelWindow:
    return ChannelWindow(channel.sensor, channel.step_us, np.full_like(channel.values, np.nan))
