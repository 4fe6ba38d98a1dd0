"""What a residual is: a formula, the components it is for, and what has to be known to compute it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from edge_runtime.features.physics.operation import Float64Array, Operation
from edge_runtime.vocabulary import FaultMode, Port


class Known(StrEnum):
    """What is known of a component from more than a port of its own."""

    INLET = "inlet"
    """Pressure ahead of it: measured there, or a tank that feeds it."""
    OUTLET = "outlet"
    """Pressure behind it: measured there, or a tank that it empties into."""
    OIL_TEMPERATURE = "oil temperature"
    """Of the oil at the component, or at the nearest one that has a thermometer."""
    FLOW_BEYOND = "flow beyond"
    """Measured by another sensor at the inlet of the one component that its outlet leads to."""


Item = Port | Known | str
"""One thing to know; a plain string is a field of the component's nameplate."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something a residual can't do without.

    Attributes:
        alternatives: any one of these will do, and the first is what to install; all items of one belong together.
        least_rate_hz: rate below which its signals tell nothing; 0 where window means serve.
    """

    alternatives: tuple[tuple[Item, ...], ...]
    least_rate_hz: float = 0.0


def need(*items: Item, least_rate_hz: float = 0.0) -> Need:
    """A need with one way to meet it."""
    return Need((items,), least_rate_hz)


DROP = Need(((Known.INLET, Known.OUTLET), (Port.PRESSURE_DIFFERENCE,)))
FLOW = Need(((Port.FLOW_OUT,), (Port.FLOW_IN,)))
OIL_TEMPERATURE = need(Known.OIL_TEMPERATURE)
DISPLACEMENT = need("displacement_cm3")
SPEED = Need(((Port.SPEED,), ("speed_rpm",)))


@dataclass(frozen=True, slots=True)
class Residual:
    """One residual.

    Attributes:
        name: of its place in `physics-1`.
        compute: from n components of one kind to float64 [n], dimensionless; NaN where the window doesn't tell. Its
            docstring has the formula and the source.
        needs: all of them must be met.
        shows: the faults that move it.
        formula: in short, for a table.
        through: holds only where all oil goes through the component; a bypassed one has none.
    """

    name: str
    compute: Callable[[Operation], Float64Array]
    needs: tuple[Need, ...]
    shows: tuple[FaultMode, ...]
    formula: str
    through: bool = False

    @property
    def fast(self) -> bool:
        """Whether it is computed from signals at their own rate, not from window means."""
        return any(one.least_rate_hz for one in self.needs)
