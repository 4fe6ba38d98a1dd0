"""What is known at a component through its pipes: the pressure at one end of a pipe is that at the other."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import pi

from edge_runtime.features.physics.residual import Item, Known
from edge_runtime.machine import Component, Connection, Machine
from edge_runtime.vocabulary import ComponentType, LineType, Port

NO_SIGNAL = -1

# They carry no working flow.
_SIDE_LINES = frozenset({LineType.DRAIN_LINE, LineType.PILOT_LINE})
_THERMOMETERS = (Port.TEMPERATURE_OUT, Port.TEMPERATURE_IN)


@dataclass(frozen=True, slots=True)
class Pipes:
    """A machine's working lines and sensors. Signals are sensor numbers.

    Attributes:
        machine: whose they are.
        own: signals at each component's ports, by its name.
        ahead, behind: the lines into and out of each component, by its name.
    """

    machine: Machine
    own: Mapping[str, Mapping[Port, int]]
    ahead: Mapping[str, tuple[Connection, ...]]
    behind: Mapping[str, tuple[Connection, ...]]

    @classmethod
    def of(cls, machine: Machine) -> "Pipes":
        """Those of a machine."""
        own: dict[str, dict[Port, int]] = defaultdict(dict)
        for number, sensor in enumerate(machine.sensors):
            for place in sensor.placements:
                own[place.component][place.port] = number
        lines = [line for line in machine.connections if line.type not in _SIDE_LINES]
        names = [component.name for component in machine.components]
        return cls(
            machine,
            {name: own[name] for name in names},
            {name: tuple(line for line in lines if line.target == name) for name in names},
            {name: tuple(line for line in lines if line.source == name) for name in names},
        )

    def signals(self, name: str) -> Mapping[Port, int]:
        """Signals at a component's ports, its own or of the other end of a pipe there.

        A pressure holds also in a pipe that branches; a flow or temperature only in one that doesn't.
        """
        found = dict(self.own[name])
        for port, opposite, lines in (
            (Port.PRESSURE_IN, Port.PRESSURE_OUT, self.ahead[name]),
            (Port.PRESSURE_OUT, Port.PRESSURE_IN, self.behind[name]),
        ):
            for line in lines:
                other = self.own[line.target if line.source == name else line.source]
                if opposite in other:
                    found.setdefault(port, other[opposite])
        for pairs, lines in (
            (((Port.FLOW_IN, Port.FLOW_OUT), (Port.TEMPERATURE_IN, Port.TEMPERATURE_OUT)), self.ahead[name]),
            (((Port.FLOW_OUT, Port.FLOW_IN), (Port.TEMPERATURE_OUT, Port.TEMPERATURE_IN)), self.behind[name]),
        ):
            if len(lines) == 1 and not self._branches(lines[0]):
                other = self.own[lines[0].target if lines[0].source == name else lines[0].source]
                found |= {port: other[opposite] for port, opposite in pairs if opposite in other and port not in found}
        return found

    def known(self, component: Component) -> frozenset[Item]:
        """All that is known of a component: ports, what follows from its pipes, and fields of its nameplate."""
        name, signals = component.name, self.signals(component.name)
        also: dict[Item, bool] = {
            Known.INLET: Port.PRESSURE_IN in signals or self.from_tank(name),
            Known.OUTLET: Port.PRESSURE_OUT in signals or self.to_tank(name),
            Known.OIL_TEMPERATURE: self.nearest_thermometer(name) != NO_SIGNAL,
            Known.FLOW_BEYOND: self.flow_beyond(name) != NO_SIGNAL,
        }
        rated = (field for field, value in component.nameplate if value is not None)
        return frozenset({*signals, *rated, *(item for item, holds in also.items() if holds)})

    def from_tank(self, name: str) -> bool:
        """Whether only tanks feed a component, and no gauge says otherwise."""
        return Port.PRESSURE_IN not in self.signals(name) and self._tanks(line.source for line in self.ahead[name])

    def to_tank(self, name: str) -> bool:
        """Whether a component empties into nothing but tanks, and no gauge says otherwise."""
        return Port.PRESSURE_OUT not in self.signals(name) and self._tanks(line.target for line in self.behind[name])

    def flow_beyond(self, name: str) -> int:
        """Signal of the flow into the one component behind, unless it is that of the flow out of this one."""
        lines = self.behind[name]
        if len(lines) != 1 or self._branches(lines[0]):
            return NO_SIGNAL
        found = self.own[lines[0].target].get(Port.FLOW_IN, NO_SIGNAL)
        return NO_SIGNAL if found == self.own[name].get(Port.FLOW_OUT) else found

    def metered(self, name: str) -> bool:
        """Whether there is just one line behind a component, and a flow meter at either end of it."""
        lines = self.behind[name]
        if len(lines) != 1 or self._branches(lines[0]):
            return False
        return Port.FLOW_OUT in self.own[name] or Port.FLOW_IN in self.own[lines[0].target]

    def line_volume_l(self, name: str) -> float:
        """Volume of the one line behind a component; NaN where there isn't just one."""
        lines = self.behind[name]
        if len(lines) != 1:
            return float("nan")
        return pi / 4.0 * lines[0].diameter_mm ** 2 * lines[0].length_m * 1e-3

    def nearest_thermometer(self, name: str) -> int:
        """Signal of the thermometer that the fewest pipes separate from a component, its own first."""
        seen, queue = {name}, deque([name])
        while queue:
            at = queue.popleft()
            if (port := next((port for port in _THERMOMETERS if port in self.own[at]), None)) is not None:
                return self.own[at][port]
            beside = [*(line.source for line in self.ahead[at]), *(line.target for line in self.behind[at])]
            queue.extend(other for other in dict.fromkeys(beside) if other not in seen)
            seen.update(beside)
        return NO_SIGNAL

    def _branches(self, line: Connection) -> bool:
        return len(self.behind[line.source]) > 1 or len(self.ahead[line.target]) > 1

    def _tanks(self, names: Iterable[str]) -> bool:
        kinds = {self.machine.components[self.machine.component_index[name]].type for name in names}
        return kinds == {ComponentType.RESERVOIR}
