"""Evidence: which sensors are away from where they are when the machine is healthy."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_runtime.baseline.deviation import LEAST_SPREAD_SHARE, Comparison
from edge_runtime.diagnosis import BaselineOrigin, Evidence
from edge_runtime.machine import Machine, Sensor
from edge_runtime.manifest import SensorBaseline
from edge_runtime.window import Window

MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Expectation:
    """A sensor's window mean on a healthy machine.

    Attributes:
        mean, spread: canonical unit.
        origin: whose.
    """

    mean: float
    spread: float
    origin: BaselineOrigin


def expectations(
    machine: Machine, model: Mapping[str, SensorBaseline], own: Comparison | None
) -> dict[str, Expectation]:
    """What to expect of each sensor, by name: the machine's own baseline where there is one, else the model's.

    Args:
        machine: the machine.
        model: by sensor name, from the bundle.
        own: the window beside the machine's own baseline.
    """
    found = {}
    for number, sensor in enumerate(machine.sensors):
        if own and np.isfinite(own.expected[number, 0]):
            found[sensor.name] = Expectation(
                _mean_when_healthy(own, number), float(own.spread[number, 0]), BaselineOrigin.MACHINE
            )
        elif healthy := model.get(sensor.name):
            spread = max(healthy.std, LEAST_SPREAD_SHARE * (sensor.valid_max - sensor.valid_min))
            found[sensor.name] = Expectation(healthy.mean, spread, BaselineOrigin.MODEL)
    return found


def evidence(machine: Machine, window: Window, expected: Mapping[str, Expectation]) -> dict[str, Evidence]:
    """What each sensor says: its window mean against the healthy one.

    Args:
        machine: the machine.
        window: of the machine.
        expected: by sensor name; a sensor without can't be judged and is left out, as is a silent one.
    """
    found = {}
    for sensor, channel in zip(machine.sensors, window.channels, strict=True):
        healthy = expected.get(sensor.name)
        if healthy is not None and channel.completeness > 0:
            found[sensor.name] = Evidence(
                sensor=sensor.name,
                unit=sensor.unit,
                seen=channel.mean,
                expected=healthy.mean,
                deviation=(channel.mean - healthy.mean) / healthy.spread,
                baseline=healthy.origin,
            )
    return found


def strongest(machine: Machine, component: str, found: Mapping[str, Evidence]) -> tuple[Evidence, ...]:
    """The evidence that speaks most for a component's diagnosis, at most MOST_SHOWN, by falling size of the deviation.

    It is that of its own sensors, or of all of the machine's if it has none.
    """
    sensors = sensors_of(machine, component) or machine.sensors
    ranked = sorted(
        (found[sensor.name] for sensor in sensors if sensor.name in found), key=lambda item: -abs(item.deviation)
    )
    return tuple(ranked[:MOST_SHOWN])


def sensors_of(machine: Machine, component: str) -> tuple[Sensor, ...]:
    """The sensors that have a place on a component, in the order of the machine file."""
    return machine.sensors_by_component[component]


def _mean_when_healthy(own: Comparison, number: int) -> float:
    """Over those parts of the window that a sensor was heard in: half a work cycle isn't held against a whole one."""
    parts = own.expected[number, 1:][np.isfinite(own.deviation[number, 1:])]
    return float(parts.mean() if len(parts) else own.expected[number, 0])
