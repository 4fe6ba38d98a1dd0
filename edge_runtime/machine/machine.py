"""The machine as a whole, and that its parts fit each other."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from edge_runtime.fluid import Fluid
from edge_runtime.machine.component import Component, Nameplate
from edge_runtime.machine.condition import Condition
from edge_runtime.machine.connection import Connection
from edge_runtime.machine.part import MachinePart, Name
from edge_runtime.machine.sensor import Sensor
from edge_runtime.vocabulary import Port

MACHINES_KEPT = 256
"""Of so many machines what follows from the machine file alone is kept; about 50 KB each. A box has one."""


class MisfitError(ValueError):
    """A part that doesn't fit the whole; `location` leads to it from where the whole is, as pydantic's `loc` does."""

    def __init__(self, message: str, *location: str | int) -> None:
        super().__init__(message)
        self.location = location


class Machine(MachinePart):
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

    @cached_property
    def sensors_by_component(self) -> dict[str, tuple[Sensor, ...]]:
        """Component name → the sensors that have a place on it, in order."""
        return {
            component.name: tuple(
                sensor
                for sensor in self.sensors
                if any(place.component == component.name for place in sensor.placements)
            )
            for component in self.components
        }

    @cached_property
    def condition_by_component(self) -> dict[str, Condition]:
        """Component name → the condition that labels it, where there is one."""
        return {condition.component: condition for condition in self.conditions}

    def sensor(self, name: str) -> Sensor:
        """The sensor of that name.

        Raises:
            KeyError: there is none.
        """
        return self.sensors[self.sensor_index[name]]

    def condition_of(self, component: str) -> Condition | None:
        """The condition that labels this component, if any."""
        return self.condition_by_component.get(component)
