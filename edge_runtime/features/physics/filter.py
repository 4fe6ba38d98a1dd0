"""Residual of a filter: how far it is clogged."""

from edge_runtime.features.physics.operation import LEAST_SHARE, Float64Array, Operation
from edge_runtime.features.physics.residual import DROP, FLOW, OIL_TEMPERATURE, Residual
from edge_runtime.features.physics.sums import ratio_where
from edge_runtime.vocabulary import FaultMode


def resistance(element: Operation) -> Float64Array:
    """R = Σ(Δp/p_rated) / Σ(ν/ν40 · Q/Q_rated), the laminar resistance of the medium (Darcy's law; ISO 3968).

    A clogging element takes more pressure at the same flow; cold oil does so too, which the viscosity takes out.
    """
    return ratio_where(element.drop, element.viscosity * element.flow, element.flow >= LEAST_SHARE)


RESIDUALS = (
    Residual(
        "filter_resistance",
        resistance,
        (DROP, FLOW, OIL_TEMPERATURE),
        (FaultMode.CONTAMINATION, FaultMode.FLOW_RESTRICTION),
        "Σ(Δp/p_rated) / Σ(ν/ν40 · Q/Q_rated)",
        through=True,
    ),
)
