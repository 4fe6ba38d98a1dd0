"""Which sensors can't be believed in a window: silent, mostly missing, stuck, or in contradiction to others.

Readings were judged one by one before they were stored (see quality_check.py); what that found is the reason given
here. A window is also looked at as a whole, by the same rule for what is stuck: in hindsight a sensor that hasn't moved
throughout is stuck from the window's first value on, and recordings were judged by nobody before.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from edge_runtime.machine import Machine, Sensor
from edge_runtime.quality import Reason
from edge_runtime.stillness import window_unmoved
from edge_runtime.window import ChannelWindow, Window

MIN_COMPLETENESS = 0.5

_NAMES = {reason.name.lower(): reason for reason in Reason}
ReasonName = Annotated[
    Reason,
    BeforeValidator(lambda name: _NAMES.get(name, name)),
    PlainSerializer(lambda reason: reason.name.lower(), return_type=str),
]
"""A reason that is its name in JSON."""


class SensorFaultKind(StrEnum):
    """Why a sensor isn't believed."""

    SILENT = "silent"
    INCOMPLETE = "incomplete"
    STUCK = "stuck"
    IMPLAUSIBLE = "implausible"


class SensorFault(BaseModel):
    """One sensor that isn't believed in a window.

    Attributes:
        sensor: name in the machine file.
        kind: what that means for the window.
        message: the same for a person.
        reason: for which most of its readings weren't good; NONE when there are none.
        gap: why there are none, in a word of the box's ledger of gaps; empty where that knows of no gap.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    sensor: str
    kind: SensorFaultKind
    message: str
    reason: ReasonName = Reason.NONE
    gap: str = ""


def check_sensors(machine: Machine, window: Window) -> tuple[Window, tuple[SensorFault, ...]]:
    """Find faulty sensors and turn the values of stuck ones into gaps.

    A sensor is stuck when its values don't change by more than `Sensor.stuck_below` over a window of at least
    `stuck_after_s`, or when it was for that reason that most of its readings weren't used. Sensors without
    `stuck_below` may rest. Incomplete and implausible channels keep what they have: a contradiction may as well be the
    machine's fault, which the diagnosis is to see.
    """
    channels: list[ChannelWindow] = []
    faults: list[SensorFault] = []
    for channel in window.channels:
        fault = _fault(machine.sensor(channel.sensor), channel, window.length_us)
        if fault:
            faults.append(fault)
        stuck = fault is not None and fault.kind is SensorFaultKind.STUCK
        channels.append(_blanked(channel) if stuck else channel)
    changed = any(fault.kind is SensorFaultKind.STUCK for fault in faults)
    return replace(window, channels=tuple(channels)) if changed else window, tuple(faults)


def _fault(sensor: Sensor, channel: ChannelWindow, length_us: int) -> SensorFault | None:
    def fault(kind: SensorFaultKind, message: str, reason: Reason = channel.doubt) -> SensorFault:
        why = f": {reason.words}" if reason and kind in {SensorFaultKind.SILENT, SensorFaultKind.INCOMPLETE} else ""
        return SensorFault(sensor=sensor.name, kind=kind, message=f"{sensor.name}: {message}{why}", reason=reason)

    share = channel.completeness
    seen = channel.values if share == 1.0 else channel.values[np.isfinite(channel.values)]
    if share < MIN_COMPLETENESS and channel.doubt is Reason.STUCK:
        at = f" at {seen[-1]:g} {sensor.unit}" if len(seen) else ""
        return fault(SensorFaultKind.STUCK, f"stuck{at}")
    if share == 0.0:
        return fault(SensorFaultKind.SILENT, "no valid reading in the window")
    if share < MIN_COMPLETENESS:
        return fault(SensorFaultKind.INCOMPLETE, f"only {share:.0%} of the window's readings are valid")
    if sensor.stuck_below is not None and window_unmoved(seen, sensor.stuck_below, length_us, sensor.stuck_after_s):
        return fault(SensorFaultKind.STUCK, f"stuck at {seen[-1]:g} {sensor.unit}", Reason.STUCK)
    if channel.doubt is Reason.IMPLAUSIBLE:
        return fault(SensorFaultKind.IMPLAUSIBLE, "contradicts the sensors that it is connected with")
    return None


def _blanked(channel: ChannelWindow) -> ChannelWindow:
    return replace(channel, values=np.full_like(channel.values, np.nan))
