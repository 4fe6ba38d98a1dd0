"""Which residuals a machine's sensors allow, and what would make the others possible."""

from collections.abc import Iterator
from dataclasses import dataclass

from edge_runtime.features.physics import line
from edge_runtime.features.physics.layout import unmet_needs
from edge_runtime.features.physics.pipes import Pipes
from edge_runtime.features.physics.registry import residuals_of
from edge_runtime.features.physics.residual import Item, Known, Need, Residual
from edge_runtime.machine import Component, Machine
from edge_runtime.vocabulary import PORT_QUANTITY, Port

BYPASSED = "oil may pass it by"


@dataclass(frozen=True, slots=True)
class Possibility:
    """A residual at a component.

    Attributes:
        component: its name.
        residual: what could be computed.
        missing: sensors and nameplate values without which it can't be, in words; empty when it can.
    """

    component: str
    residual: Residual
    missing: tuple[str, ...]

    @property
    def possible(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


def possible_residuals(machine: Machine) -> Iterator[Possibility]:
    """Every residual of every component, in their order; of lines only those with a flow meter at one end."""
    pipes = Pipes.of(machine)
    for component in machine.components:
        for residual in residuals_of(component.type):
            unmet = unmet_needs(pipes, component, residual)
            if residual in line.RESIDUALS and not pipes.metered(component.name):
                continue
            if residual.through and component.bypassed:
                yield Possibility(component.name, residual, (BYPASSED,))
            else:
                missing = dict.fromkeys(words for one in unmet for words in _words(pipes, component, one))
                yield Possibility(component.name, residual, tuple(missing))


def _words(pipes: Pipes, component: Component, unmet: Need) -> list[str]:
    """What would meet a need with the least to install; or, instead of one sensor, a value of the nameplate."""
    known = pipes.known(component)

    def lacking(items: tuple[Item, ...]) -> list[Item]:
        return [item for item in items if item not in known or unmet.least_rate_hz]

    rate = f" at {unmet.least_rate_hz:g} Hz or more" if unmet.least_rate_hz else ""
    words = [
        _item_words(pipes, component.name, item) + (rate if isinstance(item, Port | Known) else "")
        for item in min(map(lacking, unmet.alternatives), key=len)
    ]
    if len(words) == 1:
        rated = [items[0] for items in unmet.alternatives[1:] if not isinstance(items[0], Port | Known)]
        words = [" or ".join([*words, *(_item_words(pipes, component.name, field) for field in rated)])]
    return words


def _item_words(pipes: Pipes, name: str, item: Item) -> str:
    match item:
        case Known.INLET:
            return f"a pressure sensor at {name}.{Port.PRESSURE_IN}"
        case Known.OUTLET:
            return f"a pressure sensor at {name}.{Port.PRESSURE_OUT}"
        case Known.OIL_TEMPERATURE:
            return f"a temperature sensor at {name}.{Port.TEMPERATURE_OUT}"
        case Known.FLOW_BEYOND:
            return f"a flow sensor of its own at {pipes.behind[name][0].target}.{Port.FLOW_IN}"
        case Port():
            return f"a {PORT_QUANTITY[item]} sensor at {name}.{item}"
        case _:
            return f"{item} on the nameplate of {name}"
