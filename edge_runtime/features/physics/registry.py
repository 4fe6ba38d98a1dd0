"""Which residuals a kind of component has, and their places in the feature set `physics-1`."""

from edge_runtime.features.physics import (
    accumulator,
    cooler,
    cylinder,
    line,
    motor,
    pump,
    relief_valve,
    tank,
    valve,
)
from edge_runtime.features.physics import filter as filter_element
from edge_runtime.features.physics.residual import Residual
from edge_runtime.features.spec import FeatureSpec
from edge_runtime.vocabulary import ComponentType as Kind

FAMILIES: tuple[tuple[frozenset[Kind], tuple[Residual, ...]], ...] = (
    (frozenset({Kind.GEAR_PUMP, Kind.PISTON_PUMP, Kind.VANE_PUMP}), pump.RESIDUALS),
    (frozenset({Kind.MOTOR, Kind.ROTARY_ACTUATOR}), motor.RESIDUALS),
    (frozenset({Kind.DIRECTIONAL_VALVE, Kind.FLOW_CONTROL_VALVE}), valve.RESIDUALS),
    (frozenset({Kind.RELIEF_VALVE}), relief_valve.RESIDUALS),
    (frozenset({Kind.CYLINDER}), cylinder.RESIDUALS),
    (frozenset({Kind.ACCUMULATOR}), accumulator.RESIDUALS),
    (frozenset({Kind.HEAT_EXCHANGER}), cooler.RESIDUALS),
    (frozenset({Kind.FILTER}), filter_element.RESIDUALS),
    (frozenset({Kind.RESERVOIR}), tank.RESIDUALS),
    # A line belongs to the component that it leads away from.
    (frozenset(Kind), line.RESIDUALS),
)

PHYSICS = FeatureSpec("physics-1", 1, tuple(one.name for _, residuals in FAMILIES for one in residuals))
"""The version changes with each place, formula or constant."""


def residuals_of(kind: Kind) -> tuple[Residual, ...]:
    """All residuals of a kind of component, in the order of `PHYSICS`."""
    return tuple(one for kinds, residuals in FAMILIES if kind in kinds for one in residuals)
