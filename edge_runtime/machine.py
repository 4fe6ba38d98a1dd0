"""What a machine is made of: components (graph nodes), connections (graph edges), sensors and conditions.

A machine file is YAML; `configs/machines/` holds the shipped ones. Everything is frozen, in canonical units
(bar, °C, l/min, rpm, W, mm/s, %, mm, m) and checked as a whole when it is read.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge_runtime.fluid import Fluid
from edge_runtime.vocabulary import (
    CANONICAL_UNIT,
    PORT_QUANTITY,
    ComponentType,
    FaultMode,
    LineType,
    Material,
    Ne107State,
    Port,
    Quantity,
)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]

_MAY_REST_AT_ENDS = frozenset({Quantity.POSITION, Quantity.COMMAND, Quantity.RATIO, Quantity.COMPUTED})


class MisfitError(ValueError):
    """A part that doesn't fit the whole; `location` leads to it from where the whole is, as pydantic's `loc` does."""

    def __init__(self, message: str, *location: str | int) -> None:
        super().__init__(message)
        self.location = location


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Nameplate(_Frozen):
    """Rated values; they make signals dimensionless, so that one model serves machines of any size.

    Of a relief valve `pressure_bar` is its setting, of a cooler `power_w` the heat it is to take away and `coolant_c`
    the temperature of its air or water, of a tank `stroke_mm` the range of its level, of a valve `response_ms` the time
    it takes to switch, of a cylinder `bore_mm` and `rod_mm` its diameters.
    """

    pressure_bar: Positive | None = None
    flow_l_min: Positive | None = None
    speed_rpm: Positive | None = None
    power_w: Positive | None = None
    temperature_c: Positive | None = None
    vibration_mm_s: Positive | None = None
    stroke_mm: Positive | None = None
    displacement_cm3: Positive | None = None
    volume_l: Positive | None = None
    precharge_bar: Positive | None = None
    response_ms: Positive | None = None
    coolant_c: Finite | None = None
    bore_mm: Positive | None = None
    rod_mm: Positive | None = None

    @model_validator(mode="after")
    def _rod_fits(self) -> Self:
        if self.bore_mm is not None and self.rod_mm is not None and self.rod_mm >= self.bore_mm:
            msg = f"rod_mm {self.rod_mm:g} must be less than bore_mm {self.bore_mm:g}"
            raise ValueError(msg)
        return self


class Component(_Frozen):
    """A part that a technician replaces: one node of the graph."""

    name: Name
    type: ComponentType
    description: str = ""
    nameplate: Nameplate = Nameplate()
    criticality: Annotated[float, Field(gt=0, le=1)] = 0.5
    bypassed: Annotated[
        bool, Field(description="The oil may pass it by, so that no balance can be drawn across it.")
    ] = False


class Connection(_Frozen):
    """A pipe or hose in the direction of flow: one edge of the graph."""

    source: Name
    target: Name
    type: LineType = LineType.HYDRAULIC_LINE
    diameter_mm: Positive
    length_m: Positive
    material: Material = Material.STEEL
    pressure_rating_bar: Positive
    loss_coefficient: Annotated[float, Field(ge=0)] = 0.0


class Placement(_Frozen):
    """One place where a signal is a channel of a component."""

    component: Name
    port: Port


class Sensor(_Frozen):
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

    @property
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


class Level(_Frozen):
    """One degree of a condition: the value that labels use, its health (1 = as new) and NE 107 state."""

    label: int | str
    health: Fraction
    state: Ne107State


class Condition(_Frozen):
    """What labels say of one component: levels in order from healthy to failed."""

    name: Name
    component: Name
    fault: FaultMode
    levels: Annotated[tuple[Level, ...], Field(min_length=2, max_length=5)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        labels = [str(level.label) for level in self.levels]
        if len(set(labels)) != len(labels):
            msg = f"levels of condition {self.name!r} repeat a label: {labels}"
            raise ValueError(msg)
        healths = [level.health for level in self.levels]
        if any(later >= earlier for earlier, later in pairwise(healths)):
            msg = f"levels of condition {self.name!r} must go from healthy to failed, health falls from {healths}"
            raise ValueError(msg)
        return self

    def level_of(self, label: object) -> int:
        """Index of the level whose label this is (compared as text).

        Raises:
            KeyError: no level has that label.
        """
        for index, level in enumerate(self.levels):
            if str(level.label) == str(label):
                return index
        raise KeyError(label)


class Machine(_Frozen):
    """A machine: the whole of a machine file."""

    name: Name
    description: str = ""
    nameplate: Nameplate = Nameplate()
    fluid: Fluid = Fluid()
    components: Annotated[tuple[Component, ...], Field(min_length=1)]
    connections: tuple[Connection, ...] = ()
    sensors: Annotated[tuple[Sensor, ...], Field(min_length=1)]
    conditions: tuple[Condition, ...] = ()

    def __hash__(self) -> int:
        """By name, which equal machines share: a hash of everything would cost more than a window's features."""
        return hash(self.name)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        kinds: dict[str, Sequence[Component | Sensor | Condition]] = {
            "components": self.components,
            "sensors": self.sensors,
            "conditions": self.conditions,
        }
        for kind, parts in kinds.items():
            seen: set[str] = set()
            for i, part in enumerate(parts):
                if part.name in seen:
                    raise MisfitError(f"{part.name!r} is there already: give each of the {kind} its own name", kind, i)
                seen.add(part.name)
        return self

    @model_validator(mode="after")
    def _references_hold(self) -> Self:
        references: list[tuple[str, tuple[str | int, ...]]] = [
            *((c.source, ("connections", i, "source")) for i, c in enumerate(self.connections)),
            *((c.target, ("connections", i, "target")) for i, c in enumerate(self.connections)),
            *((s.component, ("sensors", i, "component")) for i, s in enumerate(self.sensors)),
            *(
                (place.component, ("sensors", i, "also_at", j, "component"))
                for i, s in enumerate(self.sensors)
                for j, place in enumerate(s.also_at)
            ),
            *((c.component, ("conditions", i, "component")) for i, c in enumerate(self.conditions)),
        ]
        known = [component.name for component in self.components]
        for name, location in references:
            if name not in known:
                raise MisfitError(f"there is no component {name!r}: name one of {', '.join(known)}", *location)
        for i, connection in enumerate(self.connections):
            if connection.source == connection.target:
                raise MisfitError(
                    f"leads from {connection.source!r} to itself: name the component that it leads to",
                    "connections", i, "target",
                )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _one_sensor_a_place(self) -> Self:
        places: dict[tuple[str, Port], str] = {}
        for i, sensor in enumerate(self.sensors):
            for place in sensor.placements:
                if place.port is Port.COMPUTED:
                    continue
                other = places.setdefault((place.component, place.port), sensor.name)
                if other != sensor.name:
                    raise MisfitError(
                        f"{place.component}.{place.port} is taken by sensor {other!r}: "
                        f"place {sensor.name!r} at another port",
                        "sensors", i,
                    )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _one_condition_a_component(self) -> Self:
        labelled: dict[str, str] = {}
        for i, condition in enumerate(self.conditions):
            other = labelled.setdefault(condition.component, condition.name)
            if other != condition.name:
                raise MisfitError(
                    f"component {condition.component!r} has the condition {other!r} already: a component has one",
                    "conditions", i, "component",
                )  # fmt: skip
        return self

    @cached_property
    def component_index(self) -> dict[str, int]:
        """Component name → node number."""
        return {component.name: index for index, component in enumerate(self.components)}

    @cached_property
    def sensor_index(self) -> dict[str, int]:
        """Sensor name → channel number."""
        return {sensor.name: index for index, sensor in enumerate(self.sensors)}

    def sensor(self, name: str) -> Sensor:
        """The sensor of that name.

        Raises:
            KeyError: there is none.
        """
        return self.sensors[self.sensor_index[name]]

    def condition_of(self, component: str) -> Condition | None:
        """The condition that labels this component, if any."""
        return next((condition for condition in self.conditions if condition.component == component), None)
