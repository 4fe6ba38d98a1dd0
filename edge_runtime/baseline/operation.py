"""What a machine is doing in a window, told from its signals and without a label.

A healthy machine looks different idle and loaded, cold and warm, so it is compared with itself doing the same (ISO
17359 asks for a baseline per operating condition). What it is doing is a point on a few axes, each cut into bins:

    load    every command (25 %) and every speed (25 % of the rated one), which are set from outside; a machine without
            either: every power (25 % of the rated one); without that: every pressure at a pump's outlet (likewise)
    oil     the median of all temperatures, 10 K

A regime is one bin of each axis. Its parent is the same load with oil of any temperature. A point up to half a bin
outside a regime still counts as in it, so that a machine that runs at the edge of a bin isn't strange every other
minute. What is further away than that from all that was learned was never seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from edge_runtime.machine import Machine
from edge_runtime.nameplate import normalisation
from edge_runtime.vocabulary import ComponentType, Port, Quantity

LOAD_SHARE = 0.25
OIL_WIDTH_K = 10.0
MARGIN = 0.5
"""How far outside a bin still counts as in it, in widths of the bin."""

_PUMPS = frozenset({ComponentType.GEAR_PUMP, ComponentType.PISTON_PUMP, ComponentType.VANE_PUMP})

Float64Array = npt.NDArray[np.float64]


class Regime(BaseModel):
    """One bin of each load axis, and one of the oil's temperature; None stands for any temperature."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    load: tuple[int, ...]
    oil: int | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """One thing that tells what a machine is doing.

    Attributes:
        name: of the sensor, or "oil".
        unit: of its values.
        signals: numbers of the sensors whose median it is.
        width: of a bin.
    """

    name: str
    unit: str
    signals: tuple[int, ...]
    width: float

    def value(self, means: Float64Array) -> float:
        """Where a window is, from all sensors' window means [S]; NaN when nothing was measured."""
        known = means[list(self.signals)]
        known = known[np.isfinite(known)]
        return float(np.median(known)) if len(known) else float("nan")

    def bin(self, value: float) -> int:
        """The bin that a value is in."""
        return int(np.floor(value / self.width))

    def outside(self, number: int, value: float) -> float:
        """How far a value is from a bin, in widths; 0 inside, infinite when the value isn't known."""
        if np.isnan(value):
            return float("inf")
        return max(0.0, number - value / self.width, value / self.width - number - 1)

    def words(self, number: int) -> str:
        """A bin as a person reads it."""
        return f"{self.name} {number * self.width:g}–{(number + 1) * self.width:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where a window is on each axis; NaN where that can't be told."""

    load: tuple[float, ...]
    oil: float


@dataclass(frozen=True, slots=True)
class OperatingAxes:
    """All axes of a machine; `oil` is None when nothing measures its temperature."""

    load: tuple[Axis, ...]
    oil: Axis | None

    @classmethod
    def of(cls, machine: Machine) -> "OperatingAxes":
        """The axes that the machine's sensors allow."""
        temperatures = [n for n, sensor in enumerate(machine.sensors) if sensor.quantity is Quantity.TEMPERATURE]
        oil = Axis("oil", "°C", tuple(temperatures), OIL_WIDTH_K) if temperatures else None
        return cls(_load_axes(machine), oil)

    def point(self, means: Float64Array) -> OperatingPoint:
        """Where a window is, from all sensors' window means [S], NaN where missing."""
        oil = self.oil.value(means) if self.oil else float("nan")
        return OperatingPoint(tuple(axis.value(means) for axis in self.load), oil)

    def regimes(self, point: OperatingPoint) -> tuple[Regime, ...]:
        """Those that a point teaches: its parent and, with the oil's temperature known, its own; none without load."""
        if not np.isfinite(point.load).all():
            return ()
        load = tuple(axis.bin(value) for axis, value in zip(self.load, point.load, strict=True))
        if self.oil is None or np.isnan(point.oil):
            return (Regime(load=load),)
        return Regime(load=load), Regime(load=load, oil=self.oil.bin(point.oil))

    def nearest(self, point: OperatingPoint, learned: Iterable[Regime]) -> Regime | None:
        """The learned regime that a point counts as in: its own, else its parent; None when neither was ever seen."""
        found = [(distance, regime) for regime in learned if (distance := self._distance(point, regime)) is not None]
        return min(found, key=lambda item: (item[1].oil is None, item[0]))[1] if found else None

    def words(self, regime: Regime) -> str:
        """A regime as a person reads it."""
        parts = [axis.words(number) for axis, number in zip(self.load, regime.load, strict=True)]
        if regime.oil is not None and self.oil:
            parts.append(self.oil.words(regime.oil))
        elif self.oil:
            parts.append("oil at any temperature")
        return ", ".join(parts) or "always"

    def _distance(self, point: OperatingPoint, regime: Regime) -> float | None:
        """Sum over the axes of how far the point is outside; None beyond the margin of one, or where it isn't known."""
        places = zip(self.load, regime.load, point.load, strict=True)
        outside = [axis.outside(number, value) for axis, number, value in places]
        if regime.oil is not None and self.oil:
            outside.append(self.oil.outside(regime.oil, point.oil))
        return sum(outside) if all(one <= MARGIN for one in outside) else None


def _load_axes(machine: Machine) -> tuple[Axis, ...]:
    def axes(*quantities: Quantity, of_pumps: bool = False) -> tuple[Axis, ...]:
        found = []
        for number, sensor in enumerate(machine.sensors):
            component = machine.components[machine.component_index[sensor.component]]
            at_outlet = any(
                place.port is Port.PRESSURE_OUT
                and machine.components[machine.component_index[place.component]].type in _PUMPS
                for place in sensor.placements
            )
            if sensor.quantity in quantities and (at_outlet or not of_pumps):
                _, scale = normalisation(machine, component, sensor.quantity)
                found.append(Axis(sensor.name, sensor.unit, (number,), LOAD_SHARE * scale))
        return tuple(found)

    return axes(Quantity.COMMAND, Quantity.SPEED) or axes(Quantity.POWER) or axes(Quantity.PRESSURE, of_pumps=True)
