"""Sensors: the channels of the nodes."""

from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from edge_runtime.machine.part import Finite, MachinePart, Name, Positive
from edge_runtime.vocabulary import CANONICAL_UNIT, PORT_QUANTITY, Port, Quantity

_MAY_REST_AT_ENDS = frozenset({Quantity.POSITION, Quantity.COMMAND, Quantity.RATIO, Quantity.COMPUTED})


class Placement(MachinePart):
    """One place where a signal is a channel of a component."""

    component: Name
    port: Port


class Sensor(MachinePart):
    """One channel: a scalar series with a place on the machine.

    `also_at` names further places that see the same signal, such as the inlet of the next component on a short pipe.
    `rate_hz` is the fastest rate the sensor delivers; an installation may record it slower. A live signal moves by more
    than `stuck_below` within `stuck_after_s`; without `stuck_below` it may rest. It never changes faster than
    `max_change_per_s`. It rests exactly on a value of `saturates_at` only when its wire is broken or its converter at
    the end of its range; see `ends`.
    """

    name: Name
    quantity: Quantity
    unit: str
    component: Name
    port: Port
    rate_hz: Annotated[float, Field(ge=0.001, le=10_000)]
    valid_min: Finite
    valid_max: Finite
    description: str = ""
    also_at: tuple[Placement, ...] = ()
    stuck_below: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    stuck_after_s: Positive = 60.0
    max_change_per_s: Positive | None = None
    saturates_at: Annotated[tuple[Finite, ...], Field(max_length=2)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.unit != CANONICAL_UNIT.get(self.quantity, self.unit):
            msg = (
                f"unit {self.unit!r} of a {self.quantity} sensor: write {CANONICAL_UNIT[self.quantity]!r}, "
                "the canonical unit; a source's own unit is converted in the source's settings"
            )
            raise ValueError(msg)
        if self.valid_min >= self.valid_max:
            msg = f"valid_min {self.valid_min} must be less than valid_max {self.valid_max}"
            raise ValueError(msg)
        if self.port is Port.EFFICIENCY and self.unit != "%":
            msg = f"unit {self.unit!r} of an efficiency: write '%'"
            raise ValueError(msg)
        if self.quantity is Quantity.COMPUTED and self.port not in {Port.COMPUTED, Port.EFFICIENCY}:
            msg = f"port {self.port} of a computed sensor: write computed, no component has a place for its value"
            raise ValueError(msg)
        for placement in self.placements:
            expected = PORT_QUANTITY.get(placement.port, self.quantity)
            if expected is not self.quantity:
                msg = f"port {placement.port} is for a {expected} sensor, this one measures {self.quantity}"
                raise ValueError(msg)
        return self

    @cached_property
    def placements(self) -> tuple[Placement, ...]:
        """All places of the signal, the main one first."""
        return (Placement(component=self.component, port=self.port), *self.also_at)

    @property
    def ends(self) -> tuple[float, ...]:
        """Values that a live signal doesn't rest on.

        `saturates_at` where the machine file has it; otherwise the ends of the valid range, without zero, which is what
        an idle machine gives, and without those of a quantity that is set or computed rather than measured.
        """
        if self.saturates_at is not None:
            return self.saturates_at
        return () if self.quantity in _MAY_REST_AT_ENDS else tuple(x for x in (self.valid_min, self.valid_max) if x)

    @property
    def step_us(self) -> int:
        """Grid step at the sensor's own rate, microseconds."""
        return round(1e6 / self.rate_hz)
