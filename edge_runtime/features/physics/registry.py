"""Which residuals a kind of component has, and their places in the feature set `physics-1`."""

from edge_runtime.features.physics import filter as filter_element
from edge_runtime.features.physics import pump
from edge_runtime.features.physics.residual import Residual
from edge_runtime.features.spec import FeatureSpec
from edge_runtime.vocabulary import ComponentType

PUMPS = frozenset({ComponentType.GEAR_PUMP, ComponentType.PISTON_PUMP, ComponentType.VANE_PUMP})

FAMILIES: tuple[tuple[frozenset[ComponentType], tuple[Residual, ...]], ...] = (
    (PUMPS, pump.RESIDUALS),
    (frozenset({ComponentType.FILTER}), filter_element.RESIDUALS),
)

PHYSICS = FeatureSpec("physics-1", 1, tuple(one.name for _, residuals in FAMILIES for one in residuals))
"""The version changes with each place, formula or constant."""


def residuals_of(kind: ComponentType) -> tuple[Residual, ...]:
    """All residuals of a kind of component, in the order of `PHYSICS`."""
    return tuple(one for kinds, residuals in FAMILIES if kind in kinds for one in residuals)
