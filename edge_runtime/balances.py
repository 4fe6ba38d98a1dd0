"""Relations that must hold between the sensors of a machine, drawn from its machine file alone.

| balance | says | source |
| --- | --- | --- |
| pressure | along a connection, and through a passive component, pressure doesn't rise in the direction of flow | energy: only what is driven raises it |
| flow | what enters an unbranched line, a filter, a heat exchanger or a check valve leaves it | continuity of an oil that hardly compresses |
| power | pressure · flow / 600 of a pump (kW from bar and l/min) is no more than its motor takes | the overall efficiency (ISO 4391) is below 1 |

Each sensor may be wrong by ACCURACY of its valid range, a generous class for industrial transmitters; a balance
tolerates what its sensors may be wrong by together.
"""  # noqa: E501 - a table

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from edge_runtime.machine import Machine, Sensor
from edge_runtime.vocabulary import ComponentType, Port

ACCURACY = 0.01

_PUMPS = frozenset({ComponentType.GEAR_PUMP, ComponentType.PISTON_PUMP, ComponentType.VANE_PUMP})
# What is driven or stores energy, and so may give more pressure than it takes.
_DRIVEN = _PUMPS | {
    ComponentType.CYLINDER, ComponentType.MOTOR, ComponentType.ROTARY_ACTUATOR, ComponentType.ACCUMULATOR,
    ComponentType.RESERVOIR,
}  # fmt: skip
_KEEPS_FLOW = frozenset({ComponentType.FILTER, ComponentType.HEAT_EXCHANGER, ComponentType.CHECK_VALVE})


class BalanceKind(StrEnum):
    """What is balanced."""

    PRESSURE = "pressure"
    FLOW = "flow"
    POWER = "power"


@dataclass(frozen=True, slots=True)
class Balance:
    """One relation.

    Attributes:
        kind: what is balanced.
        place: where on the machine, for a person.
        sensors: upstream and downstream ones, or a pump's pressure, flow and power.
        errors: by how much each of them may be wrong, in its unit.
    """

    kind: BalanceKind
    place: str
    sensors: tuple[str, ...]
    errors: tuple[float, ...]

    def excess(self, values: tuple[float, ...]) -> float:
        """By how much values of the sensors violate it beyond its tolerance; 0 or less where it holds."""
        if self.kind is BalanceKind.POWER:
            return hydraulic_w(values[0], values[1]) - values[2] - self.tolerance(values)
        rise = values[1] - values[0]
        return (rise if self.kind is BalanceKind.PRESSURE else abs(rise)) - self.tolerance(values)

    def tolerance(self, values: tuple[float, ...]) -> float:
        """What the sensors may be wrong by together, to the first order."""
        if self.kind is BalanceKind.POWER:
            return hydraulic_w(values[0], self.errors[1]) + hydraulic_w(self.errors[0], values[1]) + self.errors[2]
        return sum(self.errors)

    def words(self, values: tuple[float, ...]) -> str:
        """What contradicts what, with the numbers."""
        named = ", ".join(f"{sensor} {value:.4g}" for sensor, value in zip(self.sensors, values, strict=True))
        numbers = f"({named}; tolerance {self.tolerance(values):.3g})"
        match self.kind:
            case BalanceKind.PRESSURE:
                return f"pressure rises {self.place} in the direction of flow {numbers}"
            case BalanceKind.FLOW:
                return f"flow isn't kept {self.place} {numbers}"
            case BalanceKind.POWER:
                gives = hydraulic_w(values[0], values[1])
                return f"{self.place} gives {gives:.4g} W of hydraulic power, more than it takes {numbers}"


def hydraulic_w(pressure_bar: float, flow_l_min: float) -> float:
    """Power of a flow under pressure: 1 bar · 1 l/min = 1/600 kW."""
    return pressure_bar * flow_l_min / 0.6


def balances_of(machine: Machine) -> tuple[Balance, ...]:
    """Every balance that the machine's sensors allow."""
    at = {(place.component, place.port): sensor for sensor in machine.sensors for place in sensor.placements}
    return (*_along_lines(machine, at), *_through_components(machine, at), *_of_pumps(machine, at))


_Places = dict[tuple[str, Port], Sensor]


def _along_lines(machine: Machine, at: _Places) -> Iterator[Balance]:
    leaving = Counter(line.source for line in machine.connections)
    arriving = Counter(line.target for line in machine.connections)
    for line in machine.connections:
        place = f"from {line.source} to {line.target}"
        ends = (at.get((line.source, Port.PRESSURE_OUT)), at.get((line.target, Port.PRESSURE_IN)))
        yield from _between(BalanceKind.PRESSURE, place, *ends)
        if leaving[line.source] == arriving[line.target] == 1:
            ends = (at.get((line.source, Port.FLOW_OUT)), at.get((line.target, Port.FLOW_IN)))
            yield from _between(BalanceKind.FLOW, place, *ends)


def _through_components(machine: Machine, at: _Places) -> Iterator[Balance]:
    for part in machine.components:
        if part.bypassed:
            continue
        place = f"through {part.name}"
        if part.type not in _DRIVEN:
            ends = (at.get((part.name, Port.PRESSURE_IN)), at.get((part.name, Port.PRESSURE_OUT)))
            yield from _between(BalanceKind.PRESSURE, place, *ends)
        if part.type in _KEEPS_FLOW:
            ends = (at.get((part.name, Port.FLOW_IN)), at.get((part.name, Port.FLOW_OUT)))
            yield from _between(BalanceKind.FLOW, place, *ends)


def _of_pumps(machine: Machine, at: _Places) -> Iterator[Balance]:
    for part in machine.components:
        if part.type in _PUMPS:
            pressure, flow, power = (
                at.get((part.name, port)) for port in (Port.PRESSURE_OUT, Port.FLOW_OUT, Port.POWER)
            )
            if pressure and flow and power:
                yield _balance(BalanceKind.POWER, part.name, pressure, flow, power)


def _between(kind: BalanceKind, place: str, upstream: Sensor | None, downstream: Sensor | None) -> Iterator[Balance]:
    """The balance between two sensors, where there are two: one signal at both ends says nothing."""
    if upstream and downstream and upstream is not downstream:
        yield _balance(kind, place, upstream, downstream)


def _balance(kind: BalanceKind, place: str, *sensors: Sensor) -> Balance:
    errors = tuple(ACCURACY * (sensor.valid_max - sensor.valid_min) for sensor in sensors)
    return Balance(kind, place, tuple(sensor.name for sensor in sensors), errors)
