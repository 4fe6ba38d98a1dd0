"""Evidence: which sensors are away from where they are when the machine is healthy."""

from collections.abc import Mapping

import numpy as np

from edge_runtime.diagnosis import Evidence
from edge_runtime.machine import Machine, Sensor
from edge_runtime.manifest import SensorBaseline
from edge_runtime.window import Window

MOST_SHOWN = 3

# A baseline's spread counts as at least this share of the sensor's range, about what an industrial transmitter repeats
# to. Otherwise a signal that stood still in training would make any noise look like proof.
LEAST_STD_SHARE = 0.001


def evidence(
    machine: Machine, component: str, window: Window, baseline: Mapping[str, SensorBaseline]
) -> tuple[Evidence, ...]:
    """The sensors that speak most for a component's diagnosis: window mean against the healthy baseline.

    Args:
        machine: the machine.
        component: its own sensors are looked at, or all of the machine's if it has none.
        window: of the machine.
        baseline: by sensor name; a sensor without one can't be judged and is left out, as is a silent one.

    Returns:
        At most MOST_SHOWN, by falling size of the deviation.
    """
    witnesses = {sensor.name for sensor in sensors_of(machine, component) or machine.sensors}
    found = [
        _compare(sensor, float(np.nanmean(channel.values)), baseline[sensor.name])
        for sensor, channel in zip(machine.sensors, window.channels, strict=True)
        if sensor.name in witnesses & baseline.keys() and channel.completeness > 0
    ]
    return tuple(sorted(found, key=lambda item: -abs(item.deviation))[:MOST_SHOWN])


def sensors_of(machine: Machine, component: str) -> tuple[Sensor, ...]:
    """The sensors that have a place on a component, in the order of the machine file."""
    return tuple(s for s in machine.sensors if any(place.component == component for place in s.placements))


def _compare(sensor: Sensor, seen: float, healthy: SensorBaseline) -> Evidence:
    std = max(healthy.std, LEAST_STD_SHARE * (sensor.valid_max - sensor.valid_min))
    return Evidence(
        sensor=sensor.name,
        unit=sensor.unit,
        seen=seen,
        expected=healthy.mean,
        deviation=(seen - healthy.mean) / std,
    )
